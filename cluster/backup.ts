/**
 * Saves all that must survive a cluster into one file, while the cluster runs.
 *
 * The bucket of jobs is saved exactly as it was at one revision: each key's last value up to there. Submissions are taken
 * from where intake stood before that to their end, so what was taken in meanwhile is saved twice, as a submission and as
 * a job, and `restore.ts` knows one from the other. What lies aside of a job stands before it. Nothing that was acknowledged
 * before the backup began is missing.
 */

import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { NatsArchive } from '../nats/archive.ts';
import { asideNames } from '../runtime/aside.ts';
import { type BackupItem, type ItemCounts, writeBackup } from './backup-file.ts';
import { version } from './version.ts';

export interface BackupOptions {
  /** The file; or a directory that is there, for a file that bears the prefix and the moment. */
  path: string;
  /** Whether logs are saved too. */
  logs?: boolean | undefined;
}

/** What was saved: the file, the revision of the bucket of jobs that it shows, and how many of each kind. */
export interface Backup {
  path: string;
  revision: number;
  jobs: number;
  submissions: number;
  rejected: number;
  logs: number;
  /** Payloads and results that lie aside. */
  blobs: number;
}

/** @throws {Fault} where the broker cannot be read; `Error` where the file cannot be written. */
export async function backup(archive: NatsArchive, at: number, { path, logs = false }: BackupOptions): Promise<Backup> {
  const file = await fileFor(path, archive.prefix, at);
  const seen: Seen = { keys: new Set(), blobs: new Set(), revision: await archive.lastRevision() };
  const counts = await writeBackup(file, { prefix: archive.prefix, at, version }, itemsOf(archive, logs, seen));
  return { path: file, revision: seen.revision, jobs: seen.keys.size, blobs: seen.blobs.size, ...inWords(counts) };
}

const partSize = 1_024 * 1_024;

interface Seen {
  /** Of jobs; one that moved while it was read stands in the file more than once. */
  keys: Set<string>;
  /** Names of what lies aside. */
  blobs: Set<string>;
  revision: number;
}

function inWords({ submission = 0, rejection = 0, log = 0 }: ItemCounts) {
  return { submissions: submission, rejected: rejection, logs: log };
}

async function* itemsOf(archive: NatsArchive, withLogs: boolean, seen: Seen): AsyncGenerator<BackupItem> {
  const takenIn = await archive.takenIn();
  for await (const saved of archive.control()) yield { kind: 'control', ...saved };
  for await (const saved of archive.keys()) {
    seen.revision = Math.max(seen.revision, saved.revision);
    const kind = saved.key.startsWith('_') ? 'key' : 'job';
    if (kind === 'job') seen.keys.add(saved.key);
    if (kind === 'job') yield* blobsOf(archive, saved.value, seen.blobs);
    yield { kind, ...saved };
  }
  for await (const { body, headers, ...submission } of archive.submissionsAfter(takenIn))
    yield {
      kind: 'submission',
      ...submission,
      headers: Object.fromEntries(headers),
      body: Buffer.from(body).toString('base64'),
    };
  for await (const value of archive.rejected()) yield { kind: 'rejection', value };
  if (withLogs) for await (const saved of archive.logs()) yield { kind: 'log', ...saved };
}

/** What lies aside of a job, once. */
async function* blobsOf(archive: NatsArchive, value: unknown, seen: Set<string>): AsyncGenerator<BackupItem> {
  for (const name of asideNames(value)) {
    if (seen.has(name)) continue;
    const bytes = await archive.blob(name);
    if (bytes === undefined) continue;
    seen.add(name);
    const parts = Math.ceil(bytes.length / partSize);
    for (let part = 1; part <= parts; part++) {
      const some = bytes.subarray((part - 1) * partSize, part * partSize);
      yield { kind: 'blob', name, part, parts, bytes: Buffer.from(some).toString('base64') };
    }
  }
}

async function fileFor(path: string, prefix: string, at: number): Promise<string> {
  const isDirectory = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isDirectory) return resolve(path);
  const moment = new Date(at).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return resolve(join(path, `${prefix}-${moment}.jsonl.gz`));
}
