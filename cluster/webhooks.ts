/**
 * Webhooks: registered, listed and removed by people, each for the jobs of one tenant.
 */

import { randomBytes } from 'node:crypto';
import {
  shownAddress,
  type WebhookRecord,
  type WebhookState,
  webhookSource,
  webhookStates,
  webhookType,
} from '../machines/rules/webhook.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault, wrongField } from '../runtime/faults.ts';
import type { World } from '../runtime/ports.ts';
import type { Submitted, Submitter } from './submitter.ts';

export { shownAddress };

/** What is to be told of, and where: jobs of all types and queues, and any end, unless given. */
export interface WebhookGiven {
  url: string;
  states?: readonly WebhookState[] | undefined;
  types?: readonly string[] | undefined;
  queues?: readonly string[] | undefined;
}

/** A webhook without what it signs with. */
export type WebhookView = Omit<WebhookRecord, 'secret' | 'place'>;

/** `secret` is what its receiver checks signatures with, and is never shown again. */
export interface WebhookMade {
  webhook: WebhookView;
  secret: string;
}

export interface WebhookVerbsOptions {
  world: Pick<World, 'control' | 'store'>;
  clock: Clock;
  tenant: string;
  submitter: Pick<Submitter, 'submit'>;
}

/** Who waits for a test waits no longer than this, so a delivery that nobody takes up is not told hours later. */
const testLastsMs = 60_000;

export class WebhookVerbs {
  readonly #world: Pick<World, 'control' | 'store'>;
  readonly #clock: Clock;
  readonly #tenant: string;
  readonly #submitter: Pick<Submitter, 'submit'>;

  constructor({ world, clock, tenant, submitter }: WebhookVerbsOptions) {
    this.#submitter = submitter;
    this.#world = world;
    this.#clock = clock;
    this.#tenant = tenant;
  }

  /** @throws {Fault} `input.invalid` */
  async add({ url, states = webhookStates, types, queues }: WebhookGiven): Promise<WebhookMade> {
    expectUrl(url);
    const { control, store } = this.#world;
    const { lastRevision: place } = await store.state();
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    const record = await control.webhooks.change(this.#clock.unique(), (set) => ({
      ...{ ...set, tenant: this.#tenant, url, secret, states, place, createdAt: this.#clock.now() },
      ...(types === undefined ? {} : { types }),
      ...(queues === undefined ? {} : { queues }),
    }));
    return { webhook: viewOf(record), secret };
  }

  /** Those that are registered, the newest first. */
  async list(): Promise<readonly WebhookView[]> {
    const all = await this.#world.control.webhooks.all();
    const own = all.filter((each) => this.#isOwn(each));
    return own.toSorted((one, other) => other.createdAt - one.createdAt).map(viewOf);
  }

  /** @throws {Fault} `webhook.missing` */
  async get(id: string): Promise<WebhookView> {
    return viewOf(this.#expectOwn(await this.#world.control.webhooks.of(expectId(id))));
  }

  /** It is told of nothing more. @throws {Fault} `webhook.missing` */
  async remove(id: string): Promise<WebhookView> {
    const removedAt = this.#clock.now();
    return viewOf(
      await this.#world.control.webhooks.change(expectId(id), (set) => ({
        ...this.#expectOwn(set),
        secret: '',
        removedAt,
      })),
    );
  }

  /**
   * Has it told of an event that says nothing but that it is a test, signed as any other and tried once; the job that tells.
   *
   * @throws {Fault} `webhook.missing`, and what a submission is refused with.
   */
  async test(id: string): Promise<Submitted> {
    const { webhook } = await this.get(id);
    const at = this.#clock.now();
    const event = { type: 'webhook.test', timestamp: new Date(at).toISOString(), data: { webhook } };
    const [submitted] = await this.#submitter.submit([
      {
        type: webhookType,
        payload: { webhook, event },
        options: { name: `test of ${webhook}`, maxAttempts: 1, expiresInMs: testLastsMs },
        source: `${webhookSource}${webhook}/test/${this.#clock.unique()}`,
      },
    ]);
    if (submitted === undefined) throw new RangeError('Expected one job of one delivery, got none.');
    return submitted;
  }

  #isOwn(record: WebhookRecord): boolean {
    return record.tenant === this.#tenant && record.removedAt === undefined;
  }

  #expectOwn(record: WebhookRecord): WebhookRecord {
    return this.#isOwn(record) ? record : missing(record.webhook);
  }
}

function viewOf({ secret: _secret, place: _place, ...view }: WebhookRecord): WebhookView {
  return view;
}

function expectId(id: string): string {
  return /^[0-9a-z]{1,32}$/.test(id) ? id : missing(id);
}

function missing(id: string): never {
  throw new Fault('webhook.missing', `Expected a webhook with id ${id}, found none. See \`yard webhook list\`.`);
}

function expectUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isGood = /^https?:$/.test(parsed?.protocol ?? '') && parsed?.username === '' && url.length <= 2_048;
  if (!isGood)
    throw wrongField(
      '/url',
      'Expected `url` to be an address of http or https without a user, of at most 2048 characters.',
    );
}
