/**
 * Births: a new job is created, or found, or is one with another job, and that once, whoever asks and however often.
 *
 * The record is created under a key that must not be there; with a unique rule, the key of the rule is taken in the
 * same batch (`unique-key.ts`). What stood in the way tells what became of it: the job's own record, which an earlier
 * delivery made; a note that it came to another job (`_idem.<tenant>.<id>`, so that a repeat finds the same outcome
 * even after that job has settled); or somebody else's job. Births of one key by this process follow one another.
 *
 * A payload that is too large for a record is put aside first, unless the job is there already, and removed again where
 * no record came to name it.
 */

import { namesBlob, withPayloadAside } from '../runtime/aside.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault, isFault, messageOf } from '../runtime/faults.ts';
import { headOf } from '../runtime/head.ts';
import type { Blobs, Entry, Events, Head, JobStore } from '../runtime/ports.ts';
import { type JobRecord, jobKey, type Unique } from '../runtime/record.ts';
import { beginSpan } from '../runtime/telemetry/span.ts';
import { conflictText, isSameSubmission } from './admission.ts';
import { largePayload, PutAside } from './aside.ts';
import type { Commit } from './committer.ts';
import type { Quotas } from './quota.ts';
import { claimAtBirth, heldFault, type KeyClaim } from './unique-key.ts';
import { whereUnreadable } from './unreadable.ts';

/** What became of a job that was to be born. */
export type Birth =
  | { kind: 'created'; head: Head; record: JobRecord }
  /** An earlier submission of the same made it. Where only a newer version can read it, as it was to be. */
  | { kind: 'found'; record: JobRecord }
  /** By its unique rule it is one with this job, as it is now; with the own record where that one is gone. */
  | { kind: 'coalesced'; id: string; record: JobRecord };

export interface BirthsOptions {
  store: JobStore;
  blobs: Blobs;
  commit: Commit;
  events: Pick<Events, 'tell'>;
  clock: Clock;
  /** Of tenants; absent: none has one. */
  quotas?: Quotas | undefined;
}

export interface Ask {
  /** Where an earlier version would have put it. */
  formerKey?: string | undefined;
}

/** The key of the note that a submission came to another job; `key` is that of the job it would have made. */
export function noteKey(key: string): string {
  return `_idem.${key}`;
}

export class Births {
  readonly #options: BirthsOptions;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: BirthsOptions) {
    this.#options = options;
  }

  /**
   * Creates the job, unless it is there.
   *
   * @throws {Fault} `job.conflict` where the id, or the unique key, is another job's; `quota.full` where its tenant may
   * have no other one; `record.unreadable` where only a newer version can tell.
   */
  async create(asked: JobRecord, ask: Ask = {}): Promise<Birth> {
    const { clock } = this.#options;
    const { trace: within, createdAt: at } = asked;
    const span = beginSpan('job.submit', { within, at, job: { ...asked, key: jobKey(asked) } });
    const record = span.place === undefined ? asked : { ...asked, trace: span.place };
    try {
      const birth = await span.within(() => this.#createTraced(record, ask));
      span.end({ at: clock.now(), attributes: { 'yard.created': birth.kind === 'created' } });
      return birth;
    } catch (cause) {
      const kind = cause instanceof Fault ? cause.code : 'error';
      span.end({ at: clock.now(), error: { kind, message: messageOf(cause) } });
      throw cause;
    }
  }

  async #createTraced(record: JobRecord, ask: Ask): Promise<Birth> {
    const json = largePayload(record);
    if (json === undefined) return await this.#create(record, ask);
    return (await this.#standing(record)) ?? (await this.#createLarge(record, json, ask));
  }

  async #createLarge(record: JobRecord, json: string, ask: Ask): Promise<Birth> {
    const payload = await PutAside.put(jobKey(record), json, this.#options);
    let birth: Birth;
    try {
      birth = await this.#create(withPayloadAside(record, payload.aside), ask);
    } catch (cause) {
      // Where nobody answers, the record may be stored yet.
      if (cause instanceof Fault && !cause.retryable) await payload.drop();
      throw cause;
    }
    if (birth.kind !== 'coalesced' && namesBlob(birth.record, payload.aside.blob)) await payload.keep();
    else await payload.drop();
    return birth;
  }

  async #create(record: JobRecord, { formerKey }: Ask): Promise<Birth> {
    const former = formerKey === undefined ? undefined : await this.#standing(record, formerKey);
    if (former !== undefined) return former;
    try {
      const { unique } = record;
      if (unique !== undefined) return await this.#inTurn(unique.key, () => this.#createUnique(record, unique));
      return (await this.#write(record, [])) ?? (await this.#standing(record)) ?? obstacle(record);
    } catch (cause) {
      // A repeat is no other job, however many there are.
      const standing = isFault(cause, 'quota.full') ? await this.#standing(record) : undefined;
      if (standing === undefined) throw cause;
      return standing;
    }
  }

  async #createUnique(record: JobRecord, unique: Unique): Promise<Birth> {
    for (let before = ''; ; ) {
      const noted = await this.#noted(record, unique);
      if (noted !== undefined) return noted;
      const claim = await claimAtBirth(record, unique, { store: this.#options.store, now: this.#options.clock.now() });
      const created = claim.kind === 'free' ? await this.#write(record, claim.entries, claim.replaced) : undefined;
      const birth = created ?? (await this.#standing(record));
      if (birth !== undefined) return birth;
      if (claim.kind === 'held') return await this.#held(record, unique, claim);
      // Somebody was quicker with the key, unless it has not moved since: then nothing of ours stands in the way.
      const now = claim.entries.map(({ expected }) => expected).join();
      if (now === before) return obstacle(record);
      before = now;
    }
  }

  /** `undefined` where something stood in the way. What it replaces comes first, so that no follower ever sees both open. */
  async #write(record: JobRecord, more: readonly Entry[], replaced?: JobRecord): Promise<Birth | undefined> {
    const key = jobKey(record);
    const { commit, quotas } = this.#options;
    const entries: readonly Entry[] = [...more, { key, expected: 0, record }];
    const jobs = replaced === undefined ? 1 : 0;
    const committed = await (quotas?.commit({ tenant: record.tenant, jobs, entries, commit }) ?? commit(entries));
    if (committed.kind === 'conflict') return undefined;
    const { revisions } = committed;
    const revision = revisions.at(-1) ?? 0;
    if (replaced !== undefined) this.#tell(replaced, revisions[0] ?? 0);
    this.#tell(record, revision);
    return { kind: 'created', head: headOf(key, revision, record), record };
  }

  #tell(record: JobRecord, revision: number): void {
    const { type, queue, priority } = record;
    const transition = record.transitions.at(-1);
    if (transition !== undefined)
      this.#options.events.tell({ key: jobKey(record), type, queue, priority, revision, transition });
  }

  /** What stands under the job's own key. @throws {Fault} `job.conflict` where that is another job. */
  async #standing(record: JobRecord, key = jobKey(record)): Promise<Birth | undefined> {
    try {
      const stored = (await this.#options.store.read(key))?.record;
      if (stored === undefined) return undefined;
      if (isSameSubmission(stored, record)) return { kind: 'found', record: stored };
      throw new Fault('job.conflict', conflictText(stored), { facts: { id: record.id } });
    } catch (cause) {
      if (!isFault(cause, 'record.unreadable')) throw cause;
      const { source, contentHash } = cause.facts;
      const origin = { source: String(source), contentHash: typeof contentHash === 'string' ? contentHash : undefined };
      if (isSameSubmission(origin, record)) return { kind: 'found', record };
      throw cause;
    }
  }

  async #held(record: JobRecord, unique: Unique, claim: Extract<KeyClaim, { kind: 'held' }>): Promise<Birth> {
    if (unique.onConflict !== 'coalesce') throw heldFault(claim);
    if (!leavesNote(record)) return { kind: 'coalesced', id: claim.id, record: claim.holder ?? record };
    const { source, contentHash } = record;
    const pointer = {
      job: claim.id,
      at: record.createdAt,
      source,
      ...(contentHash === undefined ? {} : { contentHash }),
    };
    await this.#options.commit([{ key: noteKey(jobKey(record)), expected: 0, pointer }]);
    return (await this.#noted(record, unique)) ?? obstacle(record);
  }

  /** What an earlier submission of the same came to, where that was another job. */
  async #noted(record: JobRecord, { onConflict }: Unique): Promise<Birth | undefined> {
    if (onConflict !== 'coalesce' || !leavesNote(record)) return undefined;
    const { store } = this.#options;
    const { pointer } = await store.readPointer(noteKey(jobKey(record)));
    if (pointer?.source === undefined) return undefined;
    const { source, contentHash, job: id, at: createdAt } = pointer;
    if (!isSameSubmission({ source, contentHash, createdAt }, record))
      throw new Fault('job.conflict', noteText(record, id), { facts: { id: record.id } });
    const joined = await whereUnreadable(store.read(jobKey({ tenant: record.tenant, id })), undefined);
    return { kind: 'coalesced', id, record: joined?.record ?? record };
  }

  async #inTurn<Result>(key: string, what: () => Promise<Result>): Promise<Result> {
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(what);
    const settled = turn.catch(() => undefined);
    this.#turns.set(key, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(key) === settled) this.#turns.delete(key);
    }
  }
}

/** Whether it may be asked for again: by its id or key, or by another delivery. */
function leavesNote({ contentHash, source }: JobRecord): boolean {
  return contentHash !== undefined || source.startsWith('submission:');
}

function noteText({ id }: JobRecord, other: string): string {
  return `Expected a new job or a repeat of the one that came to job ${other}, got other content under the id ${id} (409). Use another Job-Id or Idempotency-Key.`;
}

function obstacle(record: JobRecord): never {
  throw new Fault(
    'broker.unavailable',
    `Expected the record that stood in the way of ${jobKey(record)}, found none. Try again.`,
  );
}
