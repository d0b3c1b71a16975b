/**
 * The picture of all open jobs as bytes: what stands on the board, and keys whose newest write has no head.
 *
 * Lines of JSON, a few hundred jobs in each, so that whoever writes or reads them can do something else in between.
 * What many jobs share (state, type, queue, priority, requirements) stands in a line once; a job refers to it by its
 * number, counted from the first line on. What only a newer version can move is not written: its head says more than
 * the board keeps, so there is no picture while there is such a job.
 */

import { type JobState, jobMachineVersion } from '../machines/job.ts';
import type { Requirements } from '../machines/rules/capability.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import type { Change, Head } from '../runtime/ports.ts';
import { recordVersion } from '../runtime/record.ts';
import type { Entry } from './entry.ts';

/** How a picture is written here, and of what. One of another version is left alone. */
export const pictureVersion = `1:${recordVersion}:${jobMachineVersion}`;

const jobsInLine = 250;

/** What jobs have in common. */
interface Kind {
  state: JobState;
  type: string;
  queue: string;
  priority: Priority;
  requirements: Requirements;
}

/** What most jobs have not. */
type Rest = Pick<Head, 'worker' | 'dueAt' | 'expiresAt' | 'timeoutMs'>;

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
}

interface Pictured {
  /** May change while it is being written: each entry that stays is written, as it is then. */
  entries: Iterable<Entry>;
  odd: Iterable<[key: string, revision: number]>;
}

/**
 * The lines of a picture, one after the other.
 *
 * @throws {RangeError} where only a newer version can move one of the jobs.
 */
export function* pictureLines({ entries, odd }: Pictured): Generator<Uint8Array> {
  const numbers = new Map<string, number>();
  let line: Line = { kinds: [], rows: [], odd: [...odd] };
  for (const entry of entries) {
    if (entry.isOfNewer) throw new RangeError(`only a newer version can move ${entry.key}`);
    const name = `${entry.state} ${entry.type} ${entry.queue} ${entry.priority} ${JSON.stringify(entry.requirements)}`;
    let number = numbers.get(name);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(name, number);
      line.kinds.push(kindOf(entry));
    }
    line.rows.push(rowOf(entry, number));
    if (line.rows.length < jobsInLine) continue;
    yield bytesOf(line);
    line = { kinds: [], rows: [], odd: [] };
  }
  yield bytesOf(line);
}

function bytesOf(line: Line): Uint8Array {
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

function kindOf({ state, type, queue, priority, requirements }: Entry): Kind {
  return { state, type, queue, priority, requirements };
}

function rowOf(entry: Entry, kind: number): Row {
  const { key, revision, createdAt, updatedAt, attempt, worker, dueAt, expiresAt, timeoutMs } = entry;
  const row: Row = [key, kind, revision, createdAt, updatedAt - createdAt, attempt];
  if (worker === undefined && dueAt === undefined && expiresAt === undefined && timeoutMs === undefined) return row;
  row.push(restOf({ worker, dueAt, expiresAt, timeoutMs }));
  return row;
}

function restOf({ worker, dueAt, expiresAt, timeoutMs }: Pick<Entry, keyof Rest>): Rest {
  return {
    ...(worker === undefined ? {} : { worker }),
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
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
    for (const row of line.rows) yield { kind: 'job', head: headOf(row, kinds) };
    from = end + 1;
  }
}

const lineBreak = 0x0a;

function headOf(row: Row, kinds: readonly Kind[]): Head {
  const [key, number, revision, createdAt, updatedAfterMs, attempt, rest] = row;
  const kind = kinds[number];
  if (kind === undefined) throw new SyntaxError(`nothing is said of kind ${number}`);
  const { state, type, queue, priority, requirements } = kind;
  const updatedAt = createdAt + updatedAfterMs;
  const head = { key, revision, state, type, queue, priority, requirements, createdAt, updatedAt, attempt };
  return rest === undefined ? head : { ...head, ...rest };
}

/** Its digest has been compared: what is looked at here is whether it is such a line at all. */
function isLine(value: unknown): value is Line {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'kinds' in value && Array.isArray(value.kinds) && 'rows' in value && Array.isArray(value.rows) && 'odd' in value
  );
}
