/**
 * The stream of submissions, and what was wrong with some of them.
 *
 * Every submission goes to one of those who consume, in order, until one of them has done it: a batch that failed
 * comes again after a second, one of which nothing was heard after half a minute. That counts as another delivery, and
 * from the third on a submission goes alone; it does not count where it failed because of the world around it, and
 * after silence only for the first of a batch. After a rollback, what was done in
 * the last minutes goes once more to who consumes, until it has been decided.
 */

import type { Cancel, Clock } from '../clock.ts';
import { isOfTheWorld } from '../faults.ts';
import type { Rejection, Stop, Submission } from '../ports.ts';
import { carried } from './channel.ts';
import type { Link } from './link.ts';

const atOnce = 1_000;
const aloneFrom = 3;
const againMs = 1_000;
const unheardMs = 30_000;
const replayedMs = 300_000;

/** What somebody submits. */
export interface Submitted {
  type: string;
  tenant?: string;
  headers?: Readonly<Record<string, string>>;
  /** Text, or anything that is sent as JSON. */
  body: unknown;
}

interface Pending {
  readonly submission: Omit<Submission, 'deliveries'>;
  /** How often it has failed, or its consumer has. */
  failures: number;
  /** Until then it is in somebody's hands. */
  heldUntil: number;
}

interface Consumer {
  readonly link: Link;
  readonly onBatch: (batch: readonly Submission[]) => Promise<void>;
  /** The batch that is on its way to it or in its hands. */
  holding: readonly Pending[] | undefined;
  /** Whether it has arrived. */
  works: boolean;
}

export class SubmissionStream {
  readonly #clock: Clock;
  readonly #createdAt: number;
  readonly #consumers = new Set<Consumer>();
  readonly #rejections: Rejection[] = [];
  #pending: Pending[] = [];
  #finished: Pending[] = [];
  /** Rollbacks; and after how many of them it was decided once more what had been done. */
  #rolledBack = 0;
  #replayed = 0;
  #askAgain: Cancel = () => {};
  /** Who was asked for that, and until when its answer is waited for. */
  #asked: { consumer: Consumer; until: number } | undefined;
  #last = 0;
  #onDisk = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#createdAt = clock.now();
  }

  /** Stores a submission and returns its sequence. */
  add({ type, tenant, headers, body }: Submitted): number {
    const submission = {
      sequence: ++this.#last,
      streamCreatedAt: this.#createdAt,
      tenant: tenant ?? 'default',
      type,
      headers: new Map(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value])),
      body: new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)),
      at: this.#clock.now(),
    };
    this.#pending.push({ submission, failures: 0, heldUntil: 0 });
    this.#handOut();
    return submission.sequence;
  }

  async consume(link: Link, onBatch: Consumer['onBatch']): Promise<Stop> {
    const consumer: Consumer = { link, onBatch, holding: undefined, works: false };
    await link.call(() => void this.#consumers.add(consumer));
    const stopHealing = link.onHeal(() => this.#handOut());
    this.#handOut();
    this.#replay();
    return async () => {
      stopHealing();
      this.#consumers.delete(consumer);
    };
  }

  reject(rejection: Rejection): void {
    const isThis = ({ subject, sequence }: Rejection) =>
      subject === rejection.subject && sequence === rejection.sequence;
    if (!this.#rejections.some(isThis)) this.#rejections.push(rejection);
  }

  rejections(limit: number): readonly Rejection[] {
    return carried(this.#rejections.slice(-limit));
  }

  /** Loses the last `count` submissions, and what is on its way; returns those that were lost. */
  rollBack(count: number): readonly Omit<Submission, 'deliveries'>[] {
    this.#last = Math.max(this.#onDisk, this.#last - count);
    this.#onDisk = this.#last;
    const isLeft = ({ submission }: Pending) => submission.sequence <= this.#last;
    const lost = [...this.#pending, ...this.#finished].filter((pending) => !isLeft(pending));
    this.#pending = this.#pending.filter(isLeft);
    this.#finished = this.#finished.filter(isLeft);
    for (const consumer of this.#consumers) if (!consumer.works) this.#takeBack(consumer);
    this.#rolledBack++;
    this.#asked = undefined;
    this.#handOut();
    this.#replay();
    return lost.map(({ submission }) => submission);
  }

  /** What was on its way is lost, and is sent again; what has arrived is in good hands. */
  #takeBack(consumer: Consumer): void {
    for (const pending of consumer.holding ?? []) pending.heldUntil = 0;
    consumer.holding = undefined;
  }

  /** Submissions that nobody has done yet, or not since the last rollback. */
  get waiting(): number {
    return this.#pending.length + (this.#replayed < this.#rolledBack ? this.#finished.length : 0);
  }

  #handOut(): void {
    for (const consumer of this.#consumers)
      if (consumer.holding === undefined && consumer.link.isUp) this.#handTo(consumer);
  }

  #handTo(consumer: Consumer): void {
    const now = this.#clock.mono();
    const free = this.#pending.filter(({ heldUntil }) => heldUntil <= now);
    const batch = free.slice(0, isSuspect(free[0]) ? 1 : atOnce);
    if (batch.length === 0) return;
    const until = now + unheardMs;
    for (const pending of batch) pending.heldUntil = until;
    consumer.holding = batch;
    consumer.link.handOver(() => void this.#work(consumer, batch));
    const rolledBack = this.#rolledBack;
    this.#clock.after(unheardMs, () => {
      // One that left in order, or lost its broker, is not gone because of them.
      if (this.#consumers.has(consumer) && rolledBack === this.#rolledBack) this.#suspect(batch, until);
      letGo(consumer, batch);
      this.#handOut();
    });
  }

  /** Nothing was heard of them. The first may be why; the others are looked at alone, and not blamed. */
  #suspect(batch: readonly Pending[], until: number): void {
    const known = new Set(this.#pending);
    const unheard = batch.filter((pending) => known.has(pending) && pending.heldUntil === until);
    for (const [at, pending] of unheard.entries()) if (at === 0 || pending.failures + 1 < aloneFrom) pending.failures++;
  }

  async #work(consumer: Consumer, batch: readonly Pending[]): Promise<void> {
    if (!this.#consumers.has(consumer)) return;
    consumer.works = true;
    const outcome = await consumer.onBatch(batch.map(delivered)).then(
      () => 'done' as const,
      (cause) => (isOfTheWorld(cause) ? "the world's" : 'its own'),
    );
    letGo(consumer, batch);
    if (outcome === 'its own') for (const pending of batch) pending.failures++;
    consumer.link.send('message', () => (outcome === 'done' ? this.#done(batch) : this.#again(batch)));
  }

  /** Asks whoever came last to decide once more what was done, until that has been decided. */
  #replay(): void {
    this.#askAgain();
    if (this.#replayed === this.#rolledBack) return;
    this.#askAgain = this.#clock.after(againMs, () => this.#replay());
    const consumer = [...this.#consumers].at(-1);
    const now = this.#clock.mono();
    if (consumer === undefined || (this.#asked?.consumer === consumer && now < this.#asked.until)) return;
    this.#asked = { consumer, until: now + unheardMs };
    const since = this.#clock.now() - replayedMs;
    const again = this.#finished.filter(({ submission }) => submission.at >= since);
    const rolledBack = this.#rolledBack;
    consumer.link.handOver(() => void this.#decideAgain(consumer, again, rolledBack));
  }

  async #decideAgain(consumer: Consumer, again: readonly Pending[], rolledBack: number): Promise<void> {
    const batch = again.map(({ submission }) => ({ ...delivered({ submission, failures: 0 }), wasDone: true }));
    const isDone = await consumer.onBatch(batch).then(
      () => true,
      () => false,
    );
    consumer.link.send('message', () => {
      if (isDone) this.#replayed = rolledBack;
      else if (this.#asked?.consumer === consumer) this.#asked = undefined;
    });
  }

  #done(batch: readonly Pending[]): void {
    const done = new Set(batch);
    this.#finished.push(...this.#pending.filter((pending) => done.has(pending)));
    this.#pending = this.#pending.filter((pending) => !done.has(pending));
    this.#handOut();
  }

  #again(batch: readonly Pending[]): void {
    for (const pending of batch) pending.heldUntil = this.#clock.mono() + againMs;
    this.#clock.after(againMs, () => this.#handOut());
    this.#handOut();
  }
}

function letGo(consumer: Consumer, batch: readonly Pending[]): void {
  if (consumer.holding !== batch) return;
  consumer.holding = undefined;
  consumer.works = false;
}

function isSuspect(pending: Pending | undefined): boolean {
  return pending !== undefined && pending.failures + 1 >= aloneFrom;
}

function delivered({ submission, failures }: Pick<Pending, 'submission' | 'failures'>): Submission {
  const headers = new Map(submission.headers);
  return { ...submission, headers, body: submission.body.slice(), deliveries: failures + 1 };
}
