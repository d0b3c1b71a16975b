/**
 * Puts a backup back: into a cluster without jobs, or between those of another one where that is asked for.
 *
 * The file is read twice: first to see that it is whole and that every job in it can be read, then to write. Everything is
 * created and nothing overwritten, so a restore that was broken off can be repeated with `merge`; refused submissions and
 * logs may stand there twice then. A job that was running is
 * given back to the queue at no cost, for its worker belongs to another cluster; its next attempt has a new number.
 */

import { idOf } from '../actors/admission.ts';
import { noteKey } from '../actors/birth.ts';
import type { Commit } from '../actors/committer.ts';
import { readRequest } from '../actors/request.ts';
import { claimAtRedrive } from '../actors/unique-key.ts';
import { isActive, isSettled, type JobEvent } from '../machines/job.ts';
import type { NatsArchive } from '../nats/archive.ts';
import { pointerIn } from '../nats/codec.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault, isFault } from '../runtime/faults.ts';
import type { Entry, JobStore, Submission } from '../runtime/ports.ts';
import { type JobRecord, jobKey, upcast } from '../runtime/record.ts';
import { isScheduleKey, readSchedule } from '../runtime/schedule.ts';
import { step } from '../runtime/step.ts';
import { type BackupItem, readBackup } from './backup-file.ts';

export interface RestoreOptions {
  path: string;
  /** Whether the cluster may have jobs; what is there already stays as it is. */
  merge?: boolean | undefined;
}

/** What was put back. `skipped` counts what was there already, or would be forgotten by now. */
export interface Restored {
  jobs: number;
  /** Of the jobs: those that ran when they were saved, and wait now to run again. */
  givenBack: number;
  submissions: number;
  rejected: number;
  logs: number;
  /** Payloads and results that lie aside. */
  blobs: number;
  skipped: number;
}

export interface RestoreParts {
  archive: NatsArchive;
  store: JobStore;
  commit: Commit;
  clock: Clock;
}

const atOnce = 500;

/**
 * @throws {Fault} `backup.unreadable`, `record.unreadable`: nothing was written. `cluster.occupied` where there are jobs
 * and `merge` was not asked for.
 */
export async function restore(parts: RestoreParts, { path, merge = false }: RestoreOptions): Promise<Restored> {
  const newest = await survey(path);
  if (!merge) await expectNoJobs(parts.store);
  const restorer = new Restorer(parts, newest);
  for await (const item of readBackup(path)) await restorer.take(item);
  await restorer.flush();
  return restorer.restored;
}

/**
 * Whether a backup is whole and can be read, before anybody looks for a broker: who connects makes streams that are missing.
 *
 * @throws {Fault} `backup.unreadable`, `record.unreadable`
 */
export async function checkBackup(path: string): Promise<void> {
  await survey(path);
}

/** The last revision of each key in the file; all of it is looked at. */
async function survey(path: string): Promise<ReadonlyMap<string, number>> {
  const newest = new Map<string, number>();
  for await (const item of readBackup(path)) {
    if (item.kind === 'job') upcast(item.value);
    if (item.kind === 'key' && isScheduleKey(item.key)) readSchedule(item.value);
    if (item.kind === 'job' || item.kind === 'key')
      newest.set(item.key, Math.max(item.revision, newest.get(item.key) ?? 0));
  }
  return newest;
}

async function expectNoJobs(store: JobStore): Promise<void> {
  for await (const change of store.changesAfter(0))
    if (change.kind === 'job')
      throw new Fault(
        'cluster.occupied',
        'Expected a cluster without jobs to restore into, found one that has some. Choose another prefix or an empty broker, or add what is missing with `--merge`.',
      );
}

type Part = Extract<BackupItem, { kind: 'blob' }>;

class Restorer {
  readonly #parts: RestoreParts;
  readonly #newest: ReadonlyMap<string, number>;
  readonly restored: Restored = {
    jobs: 0,
    givenBack: 0,
    submissions: 0,
    rejected: 0,
    logs: 0,
    blobs: 0,
    skipped: 0,
  };
  #items: Exclude<BackupItem, Part>[] = [];
  /** What has come of a blob so far. */
  #blob: Uint8Array[] = [];

  constructor(parts: RestoreParts, newest: ReadonlyMap<string, number>) {
    this.#parts = parts;
    this.#newest = newest;
  }

  async take(item: BackupItem): Promise<void> {
    if ('revision' in item && item.revision !== this.#newest.get(item.key)) return;
    // What lies aside must be there before its job is, which comes behind it.
    if (item.kind === 'blob') return await this.#takePart(item);
    this.#items.push(item);
    if (this.#items.length >= atOnce) await this.flush();
  }

  async flush(): Promise<void> {
    await Promise.all(this.#items.splice(0).map((item) => this.#put(item)));
  }

  async #takePart({ name, part, parts, bytes }: Part): Promise<void> {
    if (part === 1) this.#blob = [];
    this.#blob.push(Buffer.from(bytes, 'base64'));
    if (part < parts) return;
    const isNew = await this.#parts.archive.putBlob(name, Buffer.concat(this.#blob.splice(0)));
    if (isNew) this.restored.blobs++;
    else this.#note(false);
  }

  async #put(item: Exclude<BackupItem, Part>): Promise<void> {
    const { archive } = this.#parts;
    const { restored } = this;
    switch (item.kind) {
      case 'job':
        return this.#putJob(upcast(item.value), item.expiresAt);
      case 'key':
        return this.#note(await this.#putKey(item));
      case 'control':
        return this.#note(await archive.putControl(item));
      case 'submission':
        return this.#submit(submissionOf(item));
      case 'rejection':
        restored.rejected++;
        return archive.putRejection(item.value);
      case 'log':
        restored.logs++;
        return archive.putLog(item);
    }
  }

  #note(created: boolean): void {
    if (!created) this.restored.skipped++;
  }

  /** What followers must see is written as its owners write it; the rest lies as it lay. */
  async #putKey({ key, value }: { key: string; value: unknown }): Promise<boolean> {
    const { archive, commit } = this.#parts;
    // Jobs take their unique keys again as they are put back.
    if (key.startsWith('_unique.')) return true;
    const pointer = pointerIn(value);
    if (pointer !== null) return (await commit([{ key, expected: 0, pointer }])).kind === 'stored';
    if (!isScheduleKey(key)) return await archive.putKey({ key, value });
    const entry = { key, expected: 0, schedule: readSchedule(value) };
    return (await commit([entry])).kind === 'stored';
  }

  async #putJob(saved: JobRecord, expiresAt: number | undefined): Promise<void> {
    const { commit, clock } = this.#parts;
    const keepMs = expiresAt === undefined || !isSettled(saved.state) ? undefined : expiresAt - clock.now();
    if (keepMs !== undefined && keepMs <= 0) return this.#note(false);
    const moved = elsewhere(saved);
    const record = isActive(saved.state) ? givenBack(moved, clock.now()) : moved;
    const entry = { key: jobKey(record), expected: 0, record, ...(keepMs === undefined ? {} : { keepMs }) };
    const claims = await this.#claimsOf(record);
    if (claims === undefined || (await commit([entry, ...claims])).kind === 'conflict') return this.#note(false);
    this.restored.jobs++;
    if (record !== moved) this.restored.givenBack++;
  }

  /** What it writes about its unique key; `undefined` where another job holds that here. */
  async #claimsOf(record: JobRecord): Promise<readonly Entry[] | undefined> {
    const { store, clock } = this.#parts;
    return await claimAtRedrive(record, { store, now: clock.now() }).catch((cause) => {
      if (isFault(cause, 'job.refused')) return undefined;
      throw cause;
    });
  }

  /** What was taken in before the backup was complete has its job in the file. */
  async #submit(submission: Submission): Promise<void> {
    const named = withId(submission);
    if (named.key !== undefined && [named.key, noteKey(named.key)].some((key) => this.#newest.has(key))) return;
    this.restored.submissions++;
    await this.#parts.archive.submit({ ...submission, headers: named.headers });
  }
}

/** What a job went through in the cluster that was saved is no news in this one. */
function elsewhere(record: JobRecord): JobRecord {
  return { ...record, transitions: record.transitions.map((each) => ({ ...each, revision: 0 })) };
}

/** A job that ran, as it is without its worker. */
function givenBack(record: JobRecord, at: number): JobRecord {
  const stepped = step(record, givingBack(record, at));
  return stepped.moved ? stepped.record : record;
}

function givingBack({ state, context }: JobRecord, at: number): JobEvent {
  const { attempt, cancelAt } = context;
  const reason = 'restored from a backup';
  if (cancelAt === undefined && state === 'assigned') return { type: 'attempt.handedBack', at, attempt, reason };
  if (cancelAt === undefined && state === 'processing') return { type: 'attempt.drained', at, attempt, reason };
  const error = { kind: 'lost' as const, message: `It was ${state} in the cluster that was saved.` };
  return { type: 'attempt.lost', at, attempt, spread: 0, error };
}

function submissionOf(item: Extract<BackupItem, { kind: 'submission' }>): Submission {
  const { sequence, streamCreatedAt, tenant, type, at } = item;
  const headers = Object.entries(item.headers).filter(([name]) => !name.startsWith('nats-'));
  const body = Buffer.from(item.body, 'base64');
  return { sequence, streamCreatedAt, tenant, type, at, headers: new Map(headers), body, deliveries: 1 };
}

/** A submission has its id from its place in the stream where it names none: in another stream it must name that. */
function withId(submission: Submission): { key?: string; headers: ReadonlyMap<string, string> } {
  const { headers } = submission;
  try {
    const request = readRequest(submission);
    const id = idOf(request);
    const isNamed = request.options.id !== undefined || request.options.idempotencyKey !== undefined;
    return {
      key: jobKey({ tenant: request.tenant, id }),
      headers: isNamed ? headers : new Map([...headers, ['job-id', id]]),
    };
  } catch {
    // Bad input, to be rejected there as it would have been here.
    return { headers };
  }
}
