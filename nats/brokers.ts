/**
 * The brokers that keep what is ours, as those of them tell that lead its streams: who leads what, who has all of it.
 *
 * It is told over an ordinary connection, so a broker that keeps no stream of ours is not seen. Under load one lacks
 * the last write at nearly every moment: only who lacks something each time it is asked for half a second is behind.
 */

import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { type Clock, pause } from '../runtime/clock.ts';
import type { StoreSpace } from '../runtime/ports.ts';
import { faultOf } from './errors.ts';
import type { Names } from './names.ts';
import { spaceOf } from './store-space.ts';

/** The brokers that keep the jobs; `current` of them are there and have all that the leader of the stream has. */
export interface BrokersView {
  all: number;
  current: number;
  /** Each of those that keep any stream of ours. */
  brokers: readonly BrokerView[];
  /** How full the store of jobs is; absent where nothing limits it. */
  store?: StoreSpace;
}

/** One broker. */
export interface BrokerView {
  name: string;
  /** Whether it is there and has all of every stream that it keeps. */
  isCurrent: boolean;
  /** Whether the others have lost sight of it. */
  isAway: boolean;
  /** The streams that it leads. */
  leads: readonly string[];
  /** How many streams it keeps. */
  keeps: number;
  /** How many writes it lacks, over all streams. */
  behind: number;
}

const answerWithinMs = 2_000;
const mostReadings = 10;
const readingEveryMs = 50;

/** @throws {Fault} `broker.unavailable` where none of them leads the jobs. */
export async function brokersOf(connection: NatsConnection, names: Names, clock: Clock): Promise<BrokersView> {
  try {
    const jsm = await jetstreamManager(connection, { checkAPI: false, timeout: answerWithinMs });
    const { jobs, ...others } = names.streams;
    const [first, ...more] = await Promise.all([
      patientInfo(jsm, jobs, clock),
      // One that is electing its leader tells nothing, and is no reason to tell nothing of the jobs.
      ...Object.values(others).map((stream) => patientInfo(jsm, stream, clock).catch(() => undefined)),
    ]);
    const followers = first.cluster?.replicas ?? [];
    const current = followers.filter((each) => each.current && each.offline !== true);
    const streams = [first, ...more.filter((info) => info !== undefined)].map((info) => placed(info, connection));
    const store = spaceOf(first);
    const seen = { all: 1 + followers.length, current: 1 + current.length, brokers: brokersIn(streams) };
    return store === undefined ? seen : { ...seen, store };
  } catch (cause) {
    throw faultOf(cause);
  }
}

/** As it is at the first moment at which nobody lacks anything who is there, or else at the last. */
async function patientInfo(jsm: JetStreamManager, stream: string, clock: Clock): Promise<StreamInfo> {
  for (let reading = 1; ; reading++) {
    const info = await jsm.streams.info(stream);
    const isBehind = info.cluster?.replicas?.some(({ current, offline }) => !current && offline !== true) ?? false;
    if (!isBehind || reading === mostReadings) return info;
    await pause(clock, readingEveryMs);
  }
}

/** Where a stream lies. */
interface Placed {
  stream: string;
  leader: string;
  replicas: readonly { name: string; current: boolean; offline?: boolean; lag?: number }[];
}

/** A broker that stands alone need not say who leads. */
function placed({ config, cluster }: StreamInfo, { info }: NatsConnection): Placed {
  const { leader = info?.server_name ?? '', replicas = [] } = cluster ?? {};
  return { stream: config.name, leader, replicas };
}

function brokersIn(streams: readonly Placed[]): readonly BrokerView[] {
  const names = new Set(streams.flatMap(({ leader, replicas }) => [leader, ...replicas.map(({ name }) => name)]));
  return [...names].sort().map((name) => brokerIn(streams, name));
}

function brokerIn(streams: readonly Placed[], name: string): BrokerView {
  const leads = streams.filter(({ leader }) => leader === name).map(({ stream }) => stream);
  const follows = streams.flatMap(({ replicas }) => replicas.filter((replica) => replica.name === name));
  return {
    name,
    isCurrent: follows.every(({ current, offline }) => current && offline !== true),
    isAway: follows.some(({ offline }) => offline === true),
    leads,
    keeps: leads.length + follows.length,
    behind: follows.reduce((sum, { lag = 0 }) => sum + lag, 0),
  };
}
