/**
 * Reads the log of a job: all of it or its last lines, those that were searched for, and with `follow` those to come.
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

/** Which lines; what is not said is not asked for. */
export interface LogFilter {
  /** Lines that contain this, upper and lower case alike, or that match. */
  search?: string | RegExp | undefined;
  /** Those of one attempt. */
  attempt?: number | undefined;
  stream?: LogLine['stream'] | undefined;
}

export interface LogOptions extends LogFilter {
  /** Goes on until the job is settled. */
  follow?: boolean | undefined;
  /** Of the lines so far, only so many, the last ones. */
  tail?: number | undefined;
  signal?: AbortSignal | undefined;
}

const onTheirWayMs = 400;

/** The lines so far; with `follow`, those to come until the job is settled. @throws the reason of `signal` once it fires. */
export async function* readLog(
  parts: LogReaderParts,
  key: string,
  { follow = false, tail, signal, ...filter }: LogOptions,
): AsyncGenerator<LogLine> {
  const passes = filterOf(filter);
  let passed = 0;
  if (tail !== undefined) {
    const last: LogLine[] = [];
    for await (const line of parts.logs.read(key, { follow: false })) {
      passed++;
      if (passes(line) && last.push(line) > tail) last.shift();
    }
    yield* last;
  }
  if (!follow && tail !== undefined) return;
  const lines = follow ? followed(parts, key, signal) : parts.logs.read(key, { follow: false });
  for await (const line of lines) if (passed-- <= 0 && passes(line)) yield line;
}

async function* followed(
  { logs, watches, clock }: LogReaderParts,
  key: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogLine> {
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

function filterOf({ search, attempt, stream }: LogFilter): (line: LogLine) => boolean {
  const contains = containing(search);
  return (line) =>
    (attempt === undefined || line.attempt === attempt) &&
    (stream === undefined || line.stream === stream) &&
    contains(line.line);
}

function containing(search: string | RegExp | undefined): (text: string) => boolean {
  if (search === undefined || search === '') return () => true;
  if (search instanceof RegExp) return (text) => text.search(search) >= 0;
  const sought = search.toLowerCase();
  return (text) => text.toLowerCase().includes(sought);
}
