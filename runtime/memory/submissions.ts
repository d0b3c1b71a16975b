/**
 * The stream of submissions, and what was wrong with some of them.
 *
 * Every submission goes to one of those who consume, in order, until one of them has done it: a batch that failed
 * comes again after a second, one of which nothing was heard after half a minute.
 */

import type { Clock } from '../clock.ts';
import type { Rejection, Stop, Submission } from '../ports.ts';
import { carried } from './channel.ts';
import type { Link } from './link.ts';

const atOnce = 1_000;
const againMs = 1_000;
const unheardMs = 30_000;

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
  deliveries: number;
  /** Until then it is in somebody's hands. */
  heldUntil: number;
}

interface Consumer {
  readonly link: Link;
  readonly onBatch: (batch: readonly Submission[]) => Promise<void>;
  /** The batch that is on its way to it or in its hands. */
  holding: readonly Pending[] | undefined;
}

export class SubmissionStream {
  readonly #clock: Clock;
  readonly #createdAt: number;
  readonly #consumers = new Set<Consumer>();
  readonly #rejections: Rejection[] = [];
  #pending: Pending[] = [];
  #last = 0;

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
    this.#pending.push({ submission, deliveries: 0, heldUntil: 0 });
    this.#handOut();
    return submission.sequence;
  }

  async consume(link: Link, onBatch: Consumer['onBatch']): Promise<Stop> {
    const consumer: Consumer = { link, onBatch, holding: undefined };
    await link.call(() => void this.#consumers.add(consumer));
    const stopHealing = link.onHeal(() => this.#handOut());
    this.#handOut();
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

  /** Submissions that nobody has done yet. */
  get waiting(): number {
    return this.#pending.length;
  }

  #handOut(): void {
    for (const consumer of this.#consumers)
      if (consumer.holding === undefined && consumer.link.isUp) this.#handTo(consumer);
  }

  #handTo(consumer: Consumer): void {
    const now = this.#clock.mono();
    const batch = this.#pending.filter(({ heldUntil }) => heldUntil <= now).slice(0, atOnce);
    if (batch.length === 0) return;
    for (const pending of batch) {
      pending.deliveries++;
      pending.heldUntil = now + unheardMs;
    }
    consumer.holding = batch;
    consumer.link.handOver(() => void this.#work(consumer, batch));
    this.#clock.after(unheardMs, () => {
      letGo(consumer, batch);
      this.#handOut();
    });
  }

  async #work(consumer: Consumer, batch: readonly Pending[]): Promise<void> {
    if (!this.#consumers.has(consumer)) return;
    const done = await consumer.onBatch(batch.map(delivered)).then(
      () => true,
      () => false,
    );
    letGo(consumer, batch);
    consumer.link.send('message', () => (done ? this.#done(batch) : this.#again(batch)));
  }

  #done(batch: readonly Pending[]): void {
    this.#pending = this.#pending.filter((pending) => !batch.includes(pending));
    this.#handOut();
  }

  #again(batch: readonly Pending[]): void {
    for (const pending of batch) pending.heldUntil = this.#clock.mono() + againMs;
    this.#clock.after(againMs, () => this.#handOut());
    this.#handOut();
  }
}

function letGo(consumer: Consumer, batch: readonly Pending[]): void {
  if (consumer.holding === batch) consumer.holding = undefined;
}

function delivered({ submission, deliveries }: Pending): Submission {
  return { ...submission, headers: new Map(submission.headers), body: submission.body.slice(), deliveries };
}
