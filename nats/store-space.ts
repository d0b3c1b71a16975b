/**
 * How much room the bucket of jobs has: by its own bound, and by the disk that a broker of our own writes to.
 *
 * Who makes jobs sees streams and no disks. So whoever runs the broker (`yard up`) measures the disk, and notes with
 * the stream how large it may become there; everybody reads bound and note together, as one number.
 */

import { jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { StoreSpace } from '../runtime/ports.ts';
import { faultOf } from './errors.ts';
import type { Names } from './names.ts';

/** The metadata field of the stream of jobs that says how many bytes the disk allows it. */
const diskField = 'yardmaster.disk';

const answerWithinMs = 2_000;

/** Absent where neither a bound nor a disk limits it. */
export function spaceOf({ config, state: { bytes } }: StreamInfo): StoreSpace | undefined {
  const bound = config.max_bytes > 0 ? config.max_bytes : undefined;
  const disk = notedIn(config);
  if (disk !== undefined && disk < (bound ?? Number.POSITIVE_INFINITY)) return { bytes, most: disk, by: 'disk' };
  return bound === undefined ? undefined : { bytes, most: bound };
}

function notedIn({ metadata }: StreamInfo['config']): number | undefined {
  const noted = Number(metadata?.[diskField] ?? Number.NaN);
  return noted > 0 ? noted : undefined;
}

/** What the bucket takes up, and what was noted that its disk allows. @throws {Fault} where the broker does not say. */
export async function diskNote(
  connection: NatsConnection,
  names: Names,
): Promise<{ bytes: number; most: number | undefined }> {
  try {
    const jsm = await jetstreamManager(connection, { checkAPI: false, timeout: answerWithinMs });
    const { config, state } = await jsm.streams.info(names.streams.jobs);
    return { bytes: state.bytes, most: notedIn(config) };
  } catch (cause) {
    throw faultOf(cause);
  }
}

/** Notes how many bytes the disk allows; `undefined`: as many as the bound. @throws {Fault} */
export async function noteDisk(connection: NatsConnection, names: Names, most: number | undefined): Promise<void> {
  try {
    const jsm = await jetstreamManager(connection, { checkAPI: false, timeout: answerWithinMs });
    const { config } = await jsm.streams.info(names.streams.jobs);
    const { [diskField]: _, ...others } = config.metadata ?? {};
    const metadata = most === undefined ? others : { ...others, [diskField]: String(Math.round(most)) };
    await jsm.streams.update(names.streams.jobs, { metadata });
  } catch (cause) {
    throw faultOf(cause);
  }
}
