/**
 * The file of a backup: lines of JSON, compressed by gzip. The first says what it is, the last how many lines of each
 * kind stand before it and what they hash to, so a file that ends too early or was changed is known before it is used.
 *
 * Knows lines and wholeness; what the lines are made from and made into is in `backup.ts` and `restore.ts`. A file is
 * written beside its place and moved there when it is whole.
 */

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { Fault, messageOf } from '../runtime/faults.ts';

/** Raised when the lines below change so that older versions would misread them. */
const format = 1;

export interface BackupHead {
  kind: 'backup';
  format: number;
  /** Of the cluster that was saved; it may be restored under another one. */
  prefix: string;
  /** When it was begun, epoch ms. */
  at: number;
  /** The version of Yardmaster that made it. */
  version: string;
}

/** What a line holds between the first and the last. Of lines with one key the last counts. */
export type BackupItem =
  | { kind: 'job' | 'key'; key: string; revision: number; value: unknown; expiresAt?: number }
  | { kind: 'control' | 'log'; key: string; value: unknown }
  | { kind: 'rejection'; value: unknown }
  /** A part of what lies aside of the job that comes next, in base64; parts count from 1. */
  | { kind: 'blob'; name: string; part: number; parts: number; bytes: string }
  | {
      kind: 'submission';
      sequence: number;
      streamCreatedAt: number;
      tenant: string;
      type: string;
      headers: Readonly<Record<string, string>>;
      /** In base64. */
      body: string;
      at: number;
    };

export type ItemKind = BackupItem['kind'];
export type ItemCounts = Readonly<Partial<Record<ItemKind, number>>>;

interface BackupEnd {
  kind: 'end';
  counts: ItemCounts;
  sha256: string;
}

const blockSize = 64 * 1_024;

/** Writes a whole backup to `path`; where that fails, nothing is there that was not before. */
export async function writeBackup(
  path: string,
  head: Omit<BackupHead, 'kind' | 'format'>,
  items: AsyncIterable<BackupItem>,
): Promise<ItemCounts> {
  const part = `${path}.part`;
  const counts: Partial<Record<ItemKind, number>> = {};
  try {
    const lines = linesOf({ kind: 'backup', format, ...head }, items, counts);
    await pipeline(Readable.from(lines), createGzip(), createWriteStream(part));
    await rename(part, path);
    return counts;
  } catch (cause) {
    await rm(part, { force: true });
    throw cause;
  }
}

async function* linesOf(
  head: BackupHead,
  items: AsyncIterable<BackupItem>,
  counts: Partial<Record<ItemKind, number>>,
): AsyncGenerator<string> {
  const hash = createHash('sha256');
  let block = lineOf(head);
  for await (const item of items) {
    counts[item.kind] = (counts[item.kind] ?? 0) + 1;
    block += lineOf(item);
    if (block.length < blockSize) continue;
    hash.update(block);
    yield block;
    block = '';
  }
  hash.update(block);
  yield block;
  const end: BackupEnd = { kind: 'end', counts, sha256: hash.digest('hex') };
  yield lineOf(end);
}

function lineOf(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/**
 * The items of a backup, in their order. Those that were yielded are to be believed only when the end was reached
 * without a fault: so read it once to see that it is whole, then again to use it.
 *
 * @throws {Fault} `backup.unreadable`
 */
export async function* readBackup(path: string): AsyncGenerator<BackupItem> {
  const hash = createHash('sha256');
  const counts: Partial<Record<ItemKind, number>> = {};
  let end: BackupEnd | undefined;
  let isFirst = true;
  for await (const text of textLines(path)) {
    if (end !== undefined) throw unreadable(path, 'lines behind its end');
    const line = parsed(path, text);
    if (isFirst) expectHead(path, line);
    if (isEnd(line)) end = line;
    else hash.update(`${text}\n`);
    if (!isFirst && isItem(line)) {
      counts[line.kind] = (counts[line.kind] ?? 0) + 1;
      yield line;
    }
    isFirst = false;
  }
  if (end === undefined) throw unreadable(path, 'one that ends too early');
  if (hash.digest('hex') !== end.sha256) throw unreadable(path, 'one whose content was changed');
}

/** The lines of the file, without their ends. */
async function* textLines(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const unzipped = createGunzip();
  const done = pipeline(createReadStream(path), unzipped).catch(() => undefined);
  let rest = '';
  try {
    for await (const chunk of unzipped) {
      const lines = (rest + decoder.decode(asBytes(chunk), { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (cause) {
    throw unreadable(path, messageOf(cause), cause);
  } finally {
    unzipped.destroy();
    await done;
  }
  if (rest !== '') throw unreadable(path, 'one that ends within a line');
}

function asBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new RangeError('Expected bytes from the file, got something else.');
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable(path, 'a line that is no JSON', cause);
  }
}

function expectHead(path: string, line: unknown): void {
  if (!isObject(line) || line['kind'] !== 'backup') throw unreadable(path, 'something else');
  if (line['format'] !== format)
    throw unreadable(path, `format ${String(line['format'])}, which another version of Yardmaster has written`);
}

const itemKinds: readonly unknown[] = ['job', 'key', 'control', 'log', 'rejection', 'blob', 'submission'];

function isItem(line: unknown): line is BackupItem {
  return isObject(line) && itemKinds.includes(line['kind']);
}

function isEnd(line: unknown): line is BackupEnd {
  return isObject(line) && line['kind'] === 'end' && typeof line['sha256'] === 'string';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function unreadable(path: string, met: string, cause?: unknown): Fault {
  return new Fault(
    'backup.unreadable',
    `Expected ${path} to be a whole backup of format ${format}, got ${met}. Nothing was restored; take another file.`,
    { cause },
  );
}
