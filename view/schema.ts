/**
 * The tables of the view. They lie in a file that SQLite makes for itself, which has no name and goes with its process, so
 * nothing of an earlier process, version or stream is ever read: all of it is made again from the stream.
 *
 * Words that many jobs share (tenant, queue, type, worker) stand as numbers, as states and priorities do, so that an index which
 * holds all that a filter looks at is narrow: a list walks along one index and reads no table. A job's number `n` says
 * roughly when it was created (`block` below), so that a search walks along the numbers and has the newest first.
 */

import { DatabaseSync } from 'node:sqlite';

const cacheKiB = 16_384;

const tables = `
  PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -${cacheKiB};
  CREATE TABLE word (number INTEGER PRIMARY KEY, text TEXT UNIQUE);
  CREATE TABLE job (
    n INTEGER PRIMARY KEY, tenant INTEGER, id TEXT, state INTEGER, queue INTEGER, type INTEGER, priority INTEGER,
    worker INTEGER, created INTEGER, updated INTEGER, expires INTEGER, text INTEGER
  );
  CREATE UNIQUE INDEX job_key ON job (tenant, id);
  CREATE INDEX job_expires ON job (expires) WHERE expires IS NOT NULL;
  CREATE INDEX job_created ON job (tenant, created, id, state, queue, type, priority, worker, updated);
  CREATE INDEX job_state ON job (tenant, state, created, id, queue, type, priority, worker, updated);
  CREATE INDEX job_updated ON job (tenant, updated, id, state, queue, type, priority, worker, created);
  CREATE TABLE tagged (tenant INTEGER, tag TEXT, n INTEGER, PRIMARY KEY (tenant, tag, n)) WITHOUT ROWID;
  CREATE INDEX tagged_n ON tagged (n);
  CREATE TABLE lane (
    tenant INTEGER, state INTEGER, queue INTEGER, priority INTEGER, count INTEGER,
    PRIMARY KEY (tenant, state, queue, priority)
  ) WITHOUT ROWID;
  CREATE VIRTUAL TABLE found USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
  );
`;

/** An empty one, on disk and without a name. */
export function openDatabase(): DatabaseSync {
  const database = new DatabaseSync('');
  database.exec(tables);
  return database;
}

/** How long a block of numbers is, ms of the moment of creation, and how many numbers it has. */
const blockMs = 64;
export const slots = 2 ** 19;
const firstAt = Date.UTC(2020);
const mostBlocks = 2 ** 34;

/** The numbers of jobs that were created at about that moment: from the first to before the second. */
export function block(createdAt: number): readonly [number, number] {
  const at = Math.floor((createdAt - firstAt) / blockMs);
  const from = Math.min(Math.max(Number.isFinite(at) ? at : 0, 0), mostBlocks - 2) * slots;
  return [from, from + slots];
}
