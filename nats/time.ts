/**
 * Broker time: what the broker's clock says, measured against our own monotonic one.
 *
 * Each answer about a stream tells when it was given. It was given between our asking and our hearing it; the round
 * trip that took least pins it down best. Promises to say how far off it may be.
 */

import type { NatsConnection } from 'nats';
import type { Clock, TimeSample } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { decodeJson } from './codec.ts';
import { faultOf } from './errors.ts';
import type { Names } from './names.ts';

/**
 * The best of several samples of broker time, from the leader of the stream of jobs; hand it to `SystemClock.adjust`.
 *
 * @throws {Fault} `broker.unavailable` where the broker does not answer.
 */
export async function measureOffset(options: {
  connection: NatsConnection;
  names: Names;
  clock: Clock;
  /** How many round trips; 5 unless given. */
  samples?: number;
}): Promise<TimeSample> {
  const { samples = 5 } = options;
  let best = await sample(options);
  for (let taken = 1; taken < samples; taken++) {
    const next = await sample(options);
    if (next.uncertaintyMs < best.uncertaintyMs) best = next;
  }
  return best;
}

async function sample({
  connection,
  names,
  clock,
}: {
  connection: NatsConnection;
  names: Names;
  clock: Clock;
}): Promise<TimeSample> {
  const asked = clock.mono();
  const reply = await ask(connection, `$JS.API.STREAM.INFO.${names.streams.jobs}`);
  const uncertaintyMs = (clock.mono() - asked) / 2;
  if (reply.ts === undefined) throw reply.error === undefined ? noTime() : faultOf(reply.error);
  return { brokerMs: epochMs(reply.ts), mono: asked + uncertaintyMs, uncertaintyMs };
}

async function ask(connection: NatsConnection, subject: string): Promise<{ ts?: string; error?: unknown }> {
  try {
    return decodeJson((await connection.request(subject, '', { timeout: 5_000 })).data);
  } catch (cause) {
    throw faultOf(cause);
  }
}

function noTime(): Fault {
  return new Fault(
    'broker.refused',
    'Expected the broker to tell its time with what it tells about a stream, got no `ts`. Upgrade the broker to 2.12 or newer.',
  );
}

/** Epoch ms, with its fraction, of a time such as `2026-01-31T12:00:00.123456789Z`. */
function epochMs(timestamp: string): number {
  const belowMs = /\.\d{3}(\d+)/.exec(timestamp)?.[1];
  return Date.parse(timestamp) + (belowMs === undefined ? 0 : Number(`0.${belowMs}`));
}
