/**
 * The picture of all open jobs as bytes: what stands on the board, the schedules, and keys whose newest write has no head.
 *
 * Lines of JSON, a few hundred jobs in each, so that whoever writes or reads them can do something else in between.
 * What many jobs share (state, type, queue, priority, requirements, limit keys) stands in a line once; a job refers to it by its
 * number, counted from the first line on. What only a newer version can move is not written: its head says more than
 * the board keeps, so there is no picture while there is such a job; nor while one is kept for the wrong time, which is
 * put right at once.
 */

import { type JobState, jobMachineVersion } from '../machines/job.ts';
import type { Requirements } from '../machines/rules/capability.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import type { Change, Head } from '../runtime/ports.ts';
import { recordVersion } from '../runtime/record.ts';
import type { ScheduleHead } from '../runtime/schedule.ts';
import type { Entry, Rare } from './entry.ts';
import type { Oddity } from './oddity.ts';

/** How a picture is written here, and of what. One of another version is left alone. */
export const pictureVersion = `2:${recordVersion}:${jobMachineVersion}`;

const jobsInLine = 250;

/** What jobs have in common. */
interface Kind {
  state: JobState;
  type: string;
  queue: string;
  priority: Priority;
  requirements: Requirements;
  limitKeys?: readonly string[];
}

/** What most jobs have not. */
type Rest = Pick<Head, 'readyAt' | 'worker' | 'dueAt' | 'expiresAt' | 'timeoutMs'> & Rare;

type Row = [
  key: string,
  kind: number,
  revision: number,
  createdAt: number,
  updatedAfterMs: number,
  attempt: number,
  rest?: Rest,
];

interface Line {
  kinds: Kind[];
  rows: Row[];
  odd: [key: string, revision: number][];
  schedules: { head: ScheduleHead; revision: number }[];
}

interface Pictured {
  /** May change while it is being written: each entry that stays is written, as it is then. */
  entries: Iterable<Entry>;
  odd: Iterable<[key: string, revision: number, what: Oddity]>;
  schedules: Iterable<{ head: ScheduleHead; revision: number }>;
}

/**
 * The lines of a picture, one after the other.
 *
 * @throws {RangeError} where only a newer version can move one of the jobs, or a record is kept for the wrong time.
 */
export function* pictureLines({ entries, odd, schedules }: Pictured): Generator<Uint8Array> {
  const numbers = new Map<string, number>();
  let line: Line = { kinds: [], rows: [], odd: [...withoutHead(odd)], schedules: [...schedules] };
  for (const entry of entries) {
    if (entry.isOfNewer) throw new RangeError(`only a newer version can move ${entry.key}`);
    const name = `${entry.state} ${entry.type} ${entry.queue} ${entry.priority} ${JSON.stringify([entry.requirements, entry.limitKeys])}`;
    let number = numbers.get(name);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(name, number);
      line.kinds.push(kindOf(entry));
    }
    line.rows.push(rowOf(entry, number));
    if (line.rows.length < jobsInLine) continue;
    yield bytesOf(line);
    line = { kinds: [], rows: [], odd: [], schedules: [] };
  }
  yield bytesOf(line);
}

function* withoutHead(odd: Pictured['odd']): Generator<[key: string, revision: number]> {
  for (const [key, revision, what] of odd) {
    if (what !== 'no head') throw new RangeError(`${key} is ${what}`);
    yield [key, revision];
  }
}

function bytesOf(line: Line): Uint8Array {
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

function kindOf({ state, type, queue, priority, requirements, limitKeys }: Entry): Kind {
  return { state, type, queue, priority, requirements, ...(limitKeys === undefined ? {} : { limitKeys }) };
}

function rowOf(entry: Entry, kind: number): Row {
  const { key, revision, createdAt, updatedAt, attempt } = entry;
  const row: Row = [key, kind, revision, createdAt, updatedAt - createdAt, attempt];
  const rest = restOf(entry);
  if (Object.keys(rest).length > 0) row.push(rest);
  return row;
}

function restOf({ updatedAt, readyAt, worker, dueAt, expiresAt, timeoutMs, rare }: Entry): Rest {
  return {
    ...(readyAt === updatedAt ? {} : { readyAt }),
    ...(worker === undefined ? {} : { worker }),
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...rare,
  };
}

/**
 * What a picture tells, as the stream would.
 *
 * @throws {SyntaxError} where these are not the bytes of one.
 */
export function* readPicture(bytes: Uint8Array): Generator<Change> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kinds: Kind[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(lineBreak, from);
    const line: unknown = JSON.parse(text.toString('utf8', from, end === -1 ? bytes.length : end));
    if (end === -1 || !isLine(line)) throw new SyntaxError('a line of it is incomplete');
    kinds.push(...line.kinds);
    for (const [key, revision] of line.odd) yield { kind: 'other', key, revision };
    for (const { head, revision } of line.schedules) yield { kind: 'schedule', head, revision };
    for (const row of line.rows) yield { kind: 'job', head: headOf(row, kinds) };
    from = end + 1;
  }
}

const lineBreak = 0x0a;

function headOf(row: Row, kinds: readonly Kind[]): Head {
  const [key, number, revision, createdAt, updatedAfterMs, attempt, rest] = row;
  const kind = kinds[number];
  if (kind === undefined) throw new SyntaxError(`nothing is said of kind ${number}`);
  const updatedAt = createdAt + updatedAfterMs;
  const head = { key, revision, ...kind, createdAt, updatedAt, attempt };
  return rest === undefined ? head : { ...head, ...rest };
}

/** Its digest has been compared: what is looked at here is whether it is such a line at all. */
function isLine(value: unknown): value is Line {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'kinds' in value &&
    Array.isArray(value.kinds) &&
    'rows' in value &&
    Array.isArray(value.rows) &&
    'odd' in value &&
    'schedules' in value
  );
}
