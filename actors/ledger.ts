/**
 * The ledger: submitted = settled + open + rejected + expired, submission by submission, and every record by itself.
 *
 * It is told what there is, a piece at a time: first how far intake has come, then all pages of the bucket, then all
 * rejections, then what is left of the stream of submissions. In that order nothing can slip through while jobs move
 * on: what was decided before the first page was read has a page or a rejection. It keeps five bytes for each
 * submission and no bodies. What it cannot settle by itself it asks about, once for each (`settle`).
 */

import { isSettled } from '../machines/job.ts';
import { idIn } from '../runtime/key.ts';
import type { Lease, Page, Rejection, Submission, SubmitState } from '../runtime/ports.ts';
import type { JobRecord } from '../runtime/record.ts';
import { isScheduleKey } from '../runtime/schedule.ts';
import { contentHash } from './admission.ts';
import { keyOf } from './intake.ts';
import { type Flaw, flawsOf, headFlaw, isRepairable, lifetimeFlaw } from './invariants.ts';
import { readRequest, sourceOf } from './request.ts';

/** Something that does not agree. `of` is what it is about: a job's key or a submission. */
export interface Discrepancy {
  of: string;
  what: string;
  expected: string;
  met: string;
  advice: string;
}

/** What an audit found. Counts are of submissions that are still in their stream, and of records that are there. */
export interface AuditReport {
  /** Broker time, epoch ms. */
  at: number;
  /** Whether there is no discrepancy. */
  agrees: boolean;
  submissions: {
    first: number;
    last: number;
    submitted: number;
    settled: number;
    open: number;
    rejected: number;
    /** Of the jobs of others: the same id or key, and the same content; or one with another job by a unique rule. */
    repeats: number;
    /** So old that the record of their job may have been forgotten. */
    expired: number;
    /** Not taken in yet. */
    waiting: number;
    missing: number;
  };
  jobs: {
    total: number;
    settled: number;
    open: number;
    /** By where they came from: a submission that is still in the stream, an older one, or SDK and command line. */
    fromSubmissions: number;
    fromOlder: number;
    direct: number;
    /** Made by schedules. */
    scheduled: number;
    /** Keys whose record cannot be read. */
    unreadable: number;
  };
  lease: { name: string; term: number } | null;
  /** At most a thousand of them; `more` counts the rest. */
  discrepancies: readonly Discrepancy[];
  more: number;
  /** What an audit cannot know, in sentences. */
  limits: readonly string[];
}

export interface LedgerOptions {
  submit: SubmitState;
  /** Broker time, epoch ms. */
  now: number;
  /** How long settled records are kept, ms; a shorter time that a record shows counts instead. */
  retentionMs: number;
  /** How many settled records are kept; the oldest beyond go. */
  keepAtMost?: number;
}

const most = 1_000;
/** The share of the bound from which the oldest may be going. */
const nearly = 0.9;
const none = 0;
const open = 1;
const settled = 2;
const rejectedToo = 4;

export class Ledger {
  readonly #submit: SubmitState;
  readonly #now: number;
  #retentionMs: number;
  readonly #keepAtMost: number;
  /** For each submission: what became of it, and a hash of its job's key. */
  readonly #fates: Uint8Array;
  readonly #keys: Uint32Array;
  readonly #submissions;
  /** Keys are counted as they come. One that comes twice has moved on meanwhile: its first page counts no more. */
  readonly #jobs = {
    total: 0,
    settled: 0,
    open: 0,
    fromSubmissions: 0,
    fromOlder: 0,
    direct: 0,
    scheduled: 0,
    unreadable: 0,
  };
  /** Open jobs of no submission that the stream spans, by key: these may come twice, and no fate tells of them. */
  readonly #openElsewhere = new Set<string>();
  readonly #discrepancies: Discrepancy[] = [];
  #more = 0;
  #lease: Lease | null = null;

  constructor({ submit, now, retentionMs, keepAtMost = Number.POSITIVE_INFINITY }: LedgerOptions) {
    this.#submit = submit;
    this.#now = now;
    this.#retentionMs = retentionMs;
    this.#keepAtMost = keepAtMost;
    const { first, last } = submit;
    const length = Math.max(0, last - first + 1);
    this.#fates = new Uint8Array(length);
    this.#keys = new Uint32Array(length);
    const counts = { submitted: 0, settled: 0, open: 0, rejected: 0, repeats: 0, expired: 0, waiting: 0, missing: 0 };
    this.#submissions = { first, last, ...counts };
  }

  /** Takes in what lies under a key. What it finds wrong with the key itself is for the caller to look at again. */
  page(page: Page): readonly Discrepancy[] {
    if (page.kind === 'lease') this.#lease = page.lease;
    if (page.kind === 'unreadable') this.#jobs.unreadable++;
    if (page.kind === 'record') this.#record(page.key, page.record, page.ttlMs);
    return discrepanciesOf(page);
  }

  #record(key: string, record: JobRecord, ttlMs: number | undefined): void {
    const isAtRest = isSettled(record.state);
    this.#jobs.total++;
    this.#jobs[isAtRest ? 'settled' : 'open']++;
    if (ttlMs !== undefined) this.#retentionMs = Math.min(this.#retentionMs, ttlMs);
    const place = this.#placeOf(record.source);
    if (place === undefined) return this.#elsewhere(key, record, isAtRest);
    this.#jobs.fromSubmissions++;
    const before = this.#fates[place] ?? none;
    if (before !== none) this.#again(key, place, before);
    this.#fates[place] = isAtRest ? settled : open;
    this.#keys[place] = hashOf(key);
  }

  #elsewhere(key: string, { source }: JobRecord, isAtRest: boolean): void {
    const from = doorOf(String(source));
    this.#jobs[from]++;
    if (this.#openElsewhere.delete(key)) {
      this.#jobs.total--;
      this.#jobs[from]--;
      this.#jobs.open--;
    }
    if (!isAtRest) this.#openElsewhere.add(key);
  }

  /** The submission has a job already: the same one, which has moved on since, or another. */
  #again(key: string, place: number, before: number): void {
    if (this.#keys[place] !== hashOf(key))
      return this.add({
        of: key,
        what: 'one submission became two jobs',
        expected: `one job of submission ${this.#submit.first + place}`,
        met: `${key} and another one`,
        advice: 'Look for both with `yard job list`, and cancel the one that is not wanted.',
      });
    this.#jobs.total--;
    this.#jobs.fromSubmissions--;
    this.#jobs[before === settled ? 'settled' : 'open']--;
  }

  rejection({ sequence, at }: Rejection): void {
    const place = sequence - this.#submit.first;
    // Of an earlier stream, whose numbers mean nothing in this one.
    if (at < this.#submit.createdAt || place < 0 || place >= this.#fates.length) return;
    this.#fates[place] = (this.#fates[place] ?? none) | rejectedToo;
  }

  /** Takes in a submission. Returns the key of a job to be looked up, where that decides what became of it. */
  submission(submission: Submission): string | undefined {
    const counts = this.#submissions;
    counts.submitted++;
    const place = submission.sequence - this.#submit.first;
    const fate = this.#fates[place] ?? none;
    if (fate > rejectedToo) this.add(bothWays(submission));
    if ((fate & settled) !== 0) counts.settled++;
    else if ((fate & open) !== 0) counts.open++;
    else if (fate === rejectedToo) counts.rejected++;
    else if (submission.sequence > this.#submit.floor) counts.waiting++;
    else if (submission.at + this.#retentionMs <= this.#now || this.#isFull()) counts.expired++;
    else {
      const key = keyOf(submission);
      if (key !== undefined) return key;
      this.#misses(submission, 'neither, and it names no job');
    }
    return undefined;
  }

  /** Whether settled records may have gone for being too many: what they left behind cannot be told from a loss. */
  #isFull(): boolean {
    return this.#jobs.settled >= nearly * this.#keepAtMost;
  }

  /** Decides a submission by what lies under its key now. */
  settle(submission: Submission, page: Page | undefined): void {
    const counts = this.#submissions;
    if (page?.kind === 'record' && page.record.source === sourceOf(submission))
      counts[isSettled(page.record.state) ? 'settled' : 'open']++;
    else if (page?.kind === 'record' && isRepeat(submission, page.record)) counts.repeats++;
    // The note that it came to another job.
    else if (page?.kind === 'reserved') counts.repeats++;
    else this.#misses(submission, metUnder(keyOf(submission) ?? '', page));
  }

  #misses(submission: Submission, met: string): void {
    this.#submissions.missing++;
    this.add({
      of: `submission ${submission.sequence}`,
      what: 'submission without a job',
      expected: 'a job or a rejection',
      met,
      advice:
        'Submit it again under another id, unless its job was removed on purpose, or it repeated one that has expired since.',
    });
  }

  add(discrepancy: Discrepancy): void {
    if (this.#discrepancies.length < most) this.#discrepancies.push(discrepancy);
    else this.#more++;
  }

  report(): AuditReport {
    const lease = this.#lease;
    return {
      at: this.#now,
      agrees: this.#discrepancies.length === 0,
      submissions: this.#submissions,
      jobs: this.#jobs,
      lease: lease === null ? null : { name: lease.name, term: lease.term },
      discrepancies: this.#discrepancies,
      more: this.#more,
      limits: [...limitsOf(this.#submit), ...(this.#isFull() ? [fullness(this.#keepAtMost)] : [])],
    };
  }

  /** Where the submission behind this source stands, if it is one of those that the stream still spans. */
  #placeOf(source: string): number | undefined {
    const sequence = Number(/-(\d+)$/.exec(source)?.[1]);
    const { createdAt: streamCreatedAt, first } = this.#submit;
    const place = sequence - first;
    if (!(place >= 0 && place < this.#fates.length)) return undefined;
    return source === sourceOf({ streamCreatedAt, sequence }) ? place : undefined;
  }
}

function doorOf(source: string): 'direct' | 'scheduled' | 'fromOlder' {
  if (source.startsWith('direct:')) return 'direct';
  return source.startsWith('schedule:') ? 'scheduled' : 'fromOlder';
}

function fullness(most: number): string {
  return `Nearly as many settled jobs are there as are kept (${most}, \`--retention-count\`): a submission whose job is gone counts as expired.`;
}

function limitsOf({ first }: SubmitState): readonly string[] {
  const forgotten = `Of submissions before number ${first} the stream keeps nothing: whether each had a job cannot be told.`;
  const removed = 'A job that no submission in the stream asked for may have been removed by hand, without a trace.';
  return first > 1 ? [forgotten, removed] : [removed];
}

/** What is wrong with what lies under a key, by itself. */
export function discrepanciesOf(page: Page): readonly Discrepancy[] {
  switch (page.kind) {
    case 'reserved':
    case 'schedule':
    case 'removed':
      return [];
    case 'lease':
      return leaseTrouble(page);
    case 'unreadable':
      return [unreadable(page)];
    case 'record': {
      const { key, record, head, ttlMs } = page;
      const flaws = flawsOf(key, record);
      const beside = headFlaw(head, record) ?? [];
      const lifetime = lifetimeFlaw(record, ttlMs !== undefined) ?? [];
      return [flaws, beside, lifetime].flat().map((flaw) => inWords(key, flaw));
    }
  }
}

/** A flaw of what lies under a key, with what to do about it. */
export function inWords(key: string, flaw: Flaw): Discrepancy {
  const { rule: what, expected, met } = flaw;
  const advice = isRepairable(flaw)
    ? 'The leader repairs it; audit again in a minute, with a master running.'
    : `Look at it with \`yard job get ${idIn(key)}\`; cancel it or submit it again.`;
  return { of: key, what, expected, met, advice };
}

function unreadable({ key, why }: Extract<Page, { kind: 'unreadable' }>): Discrepancy {
  const isJob = /^[^.]+\.[^.]+$/.test(key) || isScheduleKey(key);
  const record = isScheduleKey(key) ? 'a schedule' : 'a record of a job';
  return {
    of: key,
    what: isJob ? 'record unreadable' : 'unknown key',
    expected: isJob ? record : 'a key `<tenant>.<id>`',
    met: why,
    advice: isJob
      ? 'Put its former text back, upgrade where a newer version wrote it, or remove it with `nats kv del`.'
      : 'Remove it with `nats kv del`: nobody else may keep things in this bucket.',
  };
}

function leaseTrouble({ key, lease, revision }: Extract<Page, { kind: 'lease' }>): readonly Discrepancy[] {
  if (lease === null || lease.term <= revision) return [];
  return [
    {
      of: key,
      what: 'lease from the future',
      expected: `a term up to ${revision}`,
      met: `term ${lease.term}`,
      advice: 'Restart the masters one by one: the next one to lead writes a lease of its own.',
    },
  ];
}

function bothWays({ sequence }: Submission): Discrepancy {
  return {
    of: `submission ${sequence}`,
    what: 'both a job and a rejection',
    expected: 'one of the two',
    met: 'both',
    advice: 'The job counts. See `yard rejected list` for what its submitter was told.',
  };
}

function metUnder(key: string, page: Page | undefined): string {
  switch (page?.kind) {
    case undefined:
      return `nothing under ${key}`;
    case 'record':
      return `another job under ${key}, of other content`;
    default:
      return `${key} is ${page?.kind}`;
  }
}

/** Whether `record` is what a master tells the submitter of a repeat that it found. */
function isRepeat(submission: Submission, record: JobRecord): boolean {
  return record.contentHash !== undefined && record.contentHash === contentHash(readRequest(submission));
}

/** FNV-1a, never 0. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return hash >>> 0 || 1;
}
