/**
 * Webhooks: who is told of the tenant's jobs once they have settled.
 */

import type { Client } from '../cluster/client.ts';
import { shownAddress, type WebhookGiven, type WebhookMade, type WebhookView } from '../cluster/webhooks.ts';
import { JobHandle } from './job-handle.ts';

export class Webhooks {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Tells `url` of every job that settles from now on, at least once. Its receiver checks signatures with `secret`, which nobody
   * can read again.
   *
   * @throws {Fault} `input.invalid`
   * @example const { secret } = await yard.webhooks.add({ url: 'https://example.com/jobs', states: ['failed'] });
   */
  add(given: WebhookGiven): Promise<WebhookMade> {
    const url = shownAddress(given.url);
    const deed = { what: 'webhook.add', target: url, given: { ...given, url } };
    return this.#client.done(deed, () => this.#client.webhooks.add(given));
  }

  /** Those that are registered, the newest first. */
  list(): Promise<readonly WebhookView[]> {
    return this.#client.webhooks.list();
  }

  /** @throws {Fault} `webhook.missing` */
  get(id: string): Promise<WebhookView> {
    return this.#client.webhooks.get(id);
  }

  /**
   * Has it told of a test event, `webhook.test`, signed as any other and tried once. The job that tells completes where the
   * receiver took it.
   *
   * @throws {Fault} `webhook.missing`
   * @example await (await yard.webhooks.test(id)).result();
   */
  async test(id: string): Promise<JobHandle> {
    const { created, coalesced, ...job } = await this.#client.done({ what: 'webhook.test', target: id }, () =>
      this.#client.webhooks.test(id),
    );
    const { durability } = this.#client;
    return new JobHandle(this.#client, { id: job.id, created, coalesced, durability });
  }

  /** It is told of nothing more. @throws {Fault} `webhook.missing` */
  remove(id: string): Promise<WebhookView> {
    return this.#client.done({ what: 'webhook.remove', target: id }, () => this.#client.webhooks.remove(id));
  }
}
