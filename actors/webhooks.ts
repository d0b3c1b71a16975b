/**
 * Makes a delivery for each settled job that a webhook wants to hear of: a job of the type `webhook`, in the same tenant.
 *
 * What has settled it reads from the store, from the place on up to which each webhook's deliveries were made. That place is
 * saved now and then with the webhook, so a next leader reads from there and finds those again that are made: the id of a delivery
 * follows from the webhook, the job and the number of the transition by which it settled. News only says that there is something to read.
 */

import { createHash } from 'node:crypto';
import { isSettled } from '../machines/job.ts';
import { concerns, isOpen, type WebhookRecord, webhookSource, webhookType } from '../machines/rules/webhook.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { Fault, messageOf } from '../runtime/faults.ts';
import { tenantIn } from '../runtime/key.ts';
import type { Change, Head, World } from '../runtime/ports.ts';
import { type JobRecord, lastTransition } from '../runtime/record.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { admit, type KnownType } from './admission.ts';
import { Births } from './birth.ts';
import type { Commit } from './committer.ts';
import { Errand } from './errand.ts';
import { revisionOf } from './follower.ts';

export interface WebhooksOptions {
  world: Pick<World, 'store' | 'blobs' | 'events' | 'control'>;
  /** All there ever were, by id. */
  webhooks: ReadonlyMap<string, WebhookRecord>;
  types: ReadonlyMap<string, KnownType>;
  clock: Clock;
  telemetry: Telemetry;
  commit: Commit;
  /** A job that was made. */
  onCreated: (head: Head, record: JobRecord) => void;
}

const everyMs = 10_000;
const atOnce = 200;

export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #births: Births;
  readonly #errand: Errand;
  /** Up to where the deliveries of each are made, by this leader's own knowledge. */
  readonly #places = new Map<string, number>();
  #due = true;
  #stop: Cancel = () => {};

  constructor(options: WebhooksOptions) {
    this.#options = options;
    const { world, clock, commit } = options;
    // Without quotas: a tenant that is full would not be told of what has settled.
    this.#births = new Births({ ...world, clock, commit });
    this.#errand = new Errand({ clock, isDue: () => this.#due && this.#open().length > 0, round: () => this.#round() });
  }

  start(): void {
    this.#stop = this.#options.clock.every(everyMs, () => {
      this.#due = true;
      this.#errand.wake();
      void this.#savePlaces().catch(() => undefined);
    });
    this.#errand.wake();
  }

  stop(): void {
    this.#errand.stop();
    this.#stop();
  }

  /** A job has settled. */
  wake(): void {
    this.#due = true;
    this.#errand.wake();
  }

  #open(): readonly WebhookRecord[] {
    return [...this.#options.webhooks.values()].filter(isOpen);
  }

  #placeOf({ webhook, place }: WebhookRecord): number {
    return Math.max(this.#places.get(webhook) ?? 0, place);
  }

  async #round(): Promise<void> {
    this.#due = false;
    try {
      const open = this.#open();
      let some: Head[] = [];
      const from = Math.min(...open.map((each) => this.#placeOf(each)));
      let place = from;
      for await (const change of this.#options.world.store.changesAfter(from)) {
        place = revisionOf(change);
        if (isSettledJob(change)) some.push(change.head);
        if (some.length < atOnce) continue;
        await this.#deliver(open, some, place);
        some = [];
      }
      await this.#deliver(open, some, place);
    } catch (cause) {
      this.#due = true;
      throw cause;
    }
  }

  async #deliver(open: readonly WebhookRecord[], heads: readonly Head[], place: number): Promise<void> {
    const pairs = open.flatMap((hook) => {
      const told = this.#placeOf(hook);
      return heads
        .filter((head) => head.revision > told && concerns(hook, toldOf(head)))
        .map((head) => ({ hook, head }));
    });
    const records = await this.#options.world.store.readMany([...new Set(pairs.map(({ head }) => head.key))]);
    for (const { hook, head } of pairs) {
      const stored = records.get(head.key);
      // One that has moved on is met again at its new revision.
      if (stored?.revision === head.revision) await this.#make(hook, stored.record);
    }
    for (const hook of open) this.#places.set(hook.webhook, Math.max(this.#placeOf(hook), place));
  }

  async #make(hook: WebhookRecord, job: JobRecord): Promise<void> {
    const { types, clock, telemetry, onCreated } = this.#options;
    const id = deliveryId(hook, job);
    try {
      const record = await admit(
        {
          tenant: hook.tenant,
          type: webhookType,
          payload: { webhook: hook.webhook, event: eventOf(job) },
          options: { name: `${job.id} ${job.state}` },
          source: `${webhookSource}${hook.webhook}/${job.id}/${lastTransition(job)}`,
          fallbackId: id,
          at: clock.now(),
        },
        types,
      );
      const birth = await this.#births.create(record);
      if (birth.kind === 'created') onCreated(birth.head, birth.record);
    } catch (cause) {
      if (cause instanceof Fault && cause.retryable) throw cause;
      telemetry.tell('process.failed', { what: `making delivery ${id}`, error: messageOf(cause) });
    }
  }

  async #savePlaces(): Promise<void> {
    const { control } = this.#options.world;
    for (const hook of this.#open()) {
      const place = this.#placeOf(hook);
      if (place > hook.place)
        await control.webhooks.change(hook.webhook, (set) => ({ ...set, place: Math.max(set.place, place) }));
    }
  }
}

function isSettledJob(change: Change): change is Extract<Change, { kind: 'job' }> {
  return change.kind === 'job' && isSettled(change.head.state);
}

function toldOf({ key, type, queue, state }: Head) {
  return { tenant: tenantIn(key), type, queue, state };
}

function deliveryId({ webhook }: WebhookRecord, job: JobRecord): string {
  const hash = createHash('sha256').update(`${webhook}\n${job.id}\n${job.createdAt}\n${lastTransition(job)}`);
  return `webhook-${hash.digest('hex').slice(0, 32)}`;
}

/** What is told of a job: neither payload nor result, which may be large, or secret. */
function eventOf(job: JobRecord) {
  const { id, type, name, state, tenant, queue, createdAt, startedAt, settledAt, context } = job;
  const { attempt, error } = context;
  return {
    type: `job.${state}`,
    timestamp: new Date(settledAt ?? job.updatedAt).toISOString(),
    data: {
      ...{ id, type, state, tenant, queue, attempts: attempt, createdAt },
      ...(name === undefined ? {} : { name }),
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(settledAt === undefined ? {} : { settledAt }),
      ...(error === undefined ? {} : { error: { kind: error.kind, message: error.message.slice(0, 2_000) } }),
    },
  };
}
