/**
 * Follows the log of a job to its end: lines as they come, then, once the job is settled, the ones still on their way.
 *
 * A worker gathers lines for a tenth of a second, so the last ones may be stored after the record that settles the
 * job. They are found by reading the log once more and passing over what was shown.
 */

import { type Clock, pause } from '../runtime/clock.ts';
import type { LogLine, Logs } from '../runtime/ports.ts';
import type { Watches } from './watch.ts';

export interface LogReaderParts {
  logs: Logs;
  watches: Watches;
  clock: Clock;
}

export interface LogReadOptions {
  follow: boolean;
  signal: AbortSignal | undefined;
}

const onTheirWayMs = 400;

/** The lines so far; with `follow`, those to come until the job is settled. @throws the reason of `signal` once it fires. */
export async function* readLog(
  { logs, watches, clock }: LogReaderParts,
  key: string,
  { follow, signal }: LogReadOptions,
): AsyncGenerator<LogLine> {
  if (!follow) return yield* logs.read(key, { follow: false });
  const ended = new AbortController();
  const until = signal === undefined ? ended.signal : AbortSignal.any([ended.signal, signal]);
  const watching = watches
    .settled(key, { signal: until })
    .then(() => pause(clock, onTheirWayMs))
    .catch(() => undefined)
    .finally(() => ended.abort());
  let shown = 0;
  try {
    for await (const line of logs.read(key, { follow: true, signal: until })) {
      yield line;
      shown++;
    }
    signal?.throwIfAborted();
    for await (const line of logs.read(key, { follow: false })) if (shown-- <= 0) yield line;
  } finally {
    ended.abort();
    await watching;
  }
}
