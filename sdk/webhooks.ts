/**
 * Webhooks: who is told of the tenant's jobs once they have settled.
 */

import type { Client } from '../cluster/client.ts';
import { shownAddress, type WebhookGiven, type WebhookMade, type WebhookView } from '../cluster/webhooks.ts';

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

  /** It is told of nothing more. @throws {Fault} `webhook.missing` */
  remove(id: string): Promise<WebhookView> {
    return this.#client.done({ what: 'webhook.remove', target: id }, () => this.#client.webhooks.remove(id));
  }
}
