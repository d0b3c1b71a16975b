/**
 * Takes submissions from their stream and makes jobs of them: the leader does, whoever that is.
 *
 * A job's id is given, or made from the stream's birthday and the sequence, so that a redelivery finds the job that
 * its first delivery made. A batch is done when each of its submissions has a record or a rejection; only then is
 * it acknowledged. One that keeps failing goes alone at its third delivery and is rejected at its fifth, so that no
 * submission can stop the ones behind it. Deliveries count where a submission failed by itself, or the master that had
 * it is gone; not where the broker was away or the term over. A batch during which the broker was started anew is not done: some of its
 * jobs may have been stored before, and be forgotten.
 */

import { asideAtMost } from '../runtime/aside.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault, type FaultCode, isFault, isOfTheWorld, messageOf } from '../runtime/faults.ts';
import type {
  Blobs,
  Durability,
  Events,
  Head,
  JobStore,
  Rejection,
  Stop,
  Submission,
  Submissions,
} from '../runtime/ports.ts';
import { type JobRecord, jobKey } from '../runtime/record.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { admit, formerKeyOf, idOf, type KnownType } from './admission.ts';
import { type Birth, Births, noteKey } from './birth.ts';
import type { Commit } from './committer.ts';
import type { Quotas } from './quota.ts';
import { readRequest, refOf, sourceOf } from './request.ts';
import { Room } from './room.ts';

export interface IntakeOptions {
  submissions: Submissions;
  store: JobStore;
  blobs: Blobs;
  events: Events;
  telemetry: Telemetry;
  commit: Commit;
  types: ReadonlyMap<string, KnownType>;
  /** What an acknowledged write is worth here. */
  durability?: Durability | undefined;
  /** Called with each job that was created, as soon as it is stored. */
  onCreated: (head: Head, record: JobRecord) => void;
  clock: Clock;
  /** Of tenants; absent: none has one. */
  quotas?: Quotas | undefined;
}

const aloneFrom = 3;
const rejectedFrom = 5;
const keptOfBody = 2_000;
const rejectionsRead = 1_000;
/** By so much broker time, as a master knows it, may be off. */
const graceMs = 3_000;
/** What is the submitter's to mend, or to try again. */
const refusals: ReadonlySet<FaultCode> = new Set(['input.invalid', 'job.conflict', 'store.full', 'quota.full']);

export class Intake {
  readonly #options: IntakeOptions;
  readonly #room: Room;
  readonly #births: Births;
  /** The last submissions that were rejected: each may come again. */
  #rejected: Promise<Map<number, Rejection>> | undefined;
  #stop: Stop = async () => {};

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#room = new Room(options);
    this.#births = new Births(options);
  }

  async start(): Promise<void> {
    this.#stop = await this.#options.submissions.consume((batch) => this.#take(batch));
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  /** Decides each of them, whatever becomes of the others; all come again where one could not be decided. */
  async #take(handed: readonly Submission[]): Promise<void> {
    const { store } = this.#options;
    const broker = store.broker();
    const batch = await this.#withoutThoseKnown(handed);
    const fresh = batch.filter(({ deliveries }) => deliveries < aloneFrom);
    const outcomes = await Promise.allSettled(fresh.map((submission) => this.#decide(submission)));
    for (const submission of batch)
      if (submission.deliveries >= aloneFrom) outcomes.push(...(await Promise.allSettled([this.#decide(submission)])));
    const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason);
    // What fails by itself must be known by it, whatever the world does to the others.
    if (failures.length > 0) throw failures.find((failure) => !isOfTheWorld(failure)) ?? failures[0];
    if (store.broker() !== broker)
      throw new Fault('broker.unavailable', 'Expected one broker for a whole batch, got another one meanwhile.');
  }

  /** What had been taken in once is decided again only where the broker has forgotten its job. */
  async #withoutThoseKnown(batch: readonly Submission[]): Promise<readonly Submission[]> {
    const { store, submissions, telemetry } = this.#options;
    const again = batch.filter(({ wasDone }) => wasDone === true);
    if (again.length === 0) return batch;
    const jobs = await store.readMany(again.map(keyOf).filter((key) => key !== undefined));
    const rejected = bySequence(await submissions.rejections(rejectionsRead));
    for (const each of again) await this.#putAgain(each, jobs.get(keyOf(each) ?? '')?.record);
    const isKnown = (each: Submission) =>
      jobs.has(keyOf(each) ?? '') || isRejectionOf(rejected.get(each.sequence), each);
    const forgotten = again.filter((each) => !isKnown(each));
    if (forgotten.length > 0) telemetry.tell('intake.repeated', { count: forgotten.length });
    return batch.filter(({ wasDone }) => wasDone !== true).concat(forgotten);
  }

  /** The broker may have kept a job, and forgotten the payload that lay aside of it. */
  async #putAgain(submission: Submission, record: JobRecord | undefined): Promise<void> {
    const aside = record?.aside?.payload;
    if (aside === undefined || record?.source !== sourceOf(submission)) return;
    const { blobs } = this.#options;
    if ((await blobs.find(aside.blob)) !== undefined) return;
    await blobs.put(aside.blob, new TextEncoder().encode(JSON.stringify(readRequest(submission).payload)));
  }

  async #decide(submission: Submission): Promise<void> {
    if (await this.#wasRejected(submission)) return;
    if (submission.deliveries >= rejectedFrom) return this.#giveUp(submission);
    try {
      const request = readRequest(submission);
      const record = await admit(request, this.#options.types, { payloadAtMost: asideAtMost });
      await this.#room.expect(submission.body.length);
      this.#became(submission, await this.#births.create(record, { formerKey: formerKeyOf(request) }));
    } catch (cause) {
      if (!(cause instanceof Fault) || !refusals.has(cause.code)) throw cause;
      // It may have been taken in before the store was full, and only comes again.
      if (cause.code === 'store.full' && (await this.#hasJob(submission))) return;
      await this.#reject(submission, messageOf(cause));
    }
  }

  /**
   * What stood in its way may be gone by now, such as another job of its unique key, or a full quota: it stays rejected,
   * though it comes again.
   */
  async #wasRejected(submission: Submission): Promise<boolean> {
    this.#rejected ??= this.#options.submissions.rejections(rejectionsRead).then(bySequence);
    try {
      return isRejectionOf((await this.#rejected).get(submission.sequence), submission);
    } catch (cause) {
      this.#rejected = undefined;
      throw cause;
    }
  }

  /** It, or another one of its batch, failed too often. Only one that has no job by now is to blame. */
  async #giveUp(submission: Submission): Promise<void> {
    if (await this.#hasJob(submission)) return;
    await this.#reject(
      submission,
      `Expected to make a job of it within ${rejectedFrom - 1} deliveries, failed each time. Look into the logs of the masters, then submit it again.`,
    );
  }

  async #hasJob(submission: Submission): Promise<boolean> {
    const key = keyOf(submission);
    const standing = key === undefined ? undefined : await this.#standing(key);
    if (key !== undefined && standing === undefined) return await this.#isNoted(key, submission);
    if (standing?.source !== sourceOf(submission)) return false;
    return 'newer' in standing || standing.createdAt === submission.at;
  }

  /** Whether it came to another job. */
  async #isNoted(key: string, submission: Submission): Promise<boolean> {
    const { pointer } = await this.#options.store.readPointer(noteKey(key));
    return pointer?.source === sourceOf(submission) && pointer.at === submission.at;
  }

  /** The record under a key; of one that only a newer version can read, where it came from. */
  async #standing(key: string): Promise<JobRecord | Newer | undefined> {
    try {
      return (await this.#options.store.read(key))?.record;
    } catch (cause) {
      if (!isFault(cause, 'record.unreadable')) throw cause;
      return { newer: cause, source: String(cause.facts['source']) };
    }
  }

  #became(submission: Submission, birth: Birth): void {
    if (birth.kind === 'created') {
      this.#options.onCreated(birth.head, birth.record);
      this.#options.telemetry.tell('intake.accepted', { count: 1 });
    }
    const { id, tenant, state } = birth.record;
    const ref = refOf(submission);
    if (ref === undefined) return;
    const { events, durability } = this.#options;
    const ack = { ref, id, tenant, state, ...(durability === undefined ? {} : { durability }) };
    events.ack(birth.kind === 'coalesced' ? { ...ack, id: birth.id, coalesced: true } : ack);
  }

  async #reject(submission: Submission, reason: string): Promise<void> {
    const { submissions, events, telemetry, clock } = this.#options;
    telemetry.tell('intake.rejected', { reason, sequence: submission.sequence });
    const rejection: Rejection = {
      at: clock.now(),
      subject: subjectOf(submission),
      sequence: submission.sequence,
      reason,
      body: keptOf(submission),
      headers: Object.fromEntries(submission.headers),
    };
    await submissions.reject(rejection);
    await this.#remember(rejection);
    const { sequence, tenant } = submission;
    events.ack({ ref: refOf(submission) ?? String(sequence), tenant, rejected: reason });
  }

  async #remember(rejection: Rejection): Promise<void> {
    const rejected = await this.#rejected;
    rejected?.set(rejection.sequence, rejection);
    const [oldest] = rejected?.keys() ?? [];
    if (rejected !== undefined && rejected.size > 2 * rejectionsRead && oldest !== undefined) rejected.delete(oldest);
  }
}

function bySequence(rejections: readonly Rejection[]): Map<number, Rejection> {
  return new Map(rejections.map((rejection) => [rejection.sequence, rejection]));
}

/** After a power cut a stream may give a number to another submission. */
function isRejectionOf(rejection: Rejection | undefined, submission: Submission): boolean {
  if (rejection === undefined || rejection.at < submission.at - graceMs) return false;
  const { subject, body, headers } = rejection;
  const isSameBody = subject === subjectOf(submission) && body === keptOf(submission);
  return isSameBody && JSON.stringify(headers) === JSON.stringify(Object.fromEntries(submission.headers));
}

function subjectOf({ tenant, type }: Submission): string {
  return `${tenant}/${type}`;
}

function keptOf({ body }: Submission): string {
  return new TextDecoder().decode(body.subarray(0, keptOfBody));
}

interface Newer {
  newer: Fault;
  source: string;
}

/** The key that the job of a submission has, without a look at its payload; `undefined` where it can have none. */
export function keyOf(submission: Submission): string | undefined {
  try {
    const request = readRequest(submission);
    return jobKey({ tenant: request.tenant, id: idOf(request) });
  } catch {
    return undefined;
  }
}
