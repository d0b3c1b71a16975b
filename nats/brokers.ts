/**
 * How many of the brokers that keep the jobs have them now, as the one that leads their stream tells.
 */

import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { faultOf } from './errors.ts';
import type { Names } from './names.ts';

/** The brokers that keep the jobs; `current` of them are there and have all that the leader of the stream has. */
export interface BrokersView {
  all: number;
  current: number;
}

const answerWithinMs = 2_000;

/** @throws {Fault} `broker.unavailable` where none of them leads. */
export async function brokersOf(connection: NatsConnection, names: Names): Promise<BrokersView> {
  try {
    const jsm = await jetstreamManager(connection, { checkAPI: false, timeout: answerWithinMs });
    const { cluster } = await jsm.streams.info(names.streams.jobs);
    const followers = cluster?.replicas ?? [];
    const current = followers.filter((each) => each.current && each.offline !== true);
    return { all: 1 + followers.length, current: 1 + current.length };
  } catch (cause) {
    throw faultOf(cause);
  }
}
