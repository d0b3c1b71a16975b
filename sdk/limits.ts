/**
 * Limits at run time: how many jobs that name a key may be out at once, and how many may start in a second.
 */

import type { Client } from '../cluster/client.ts';
import type { LimitChange, LimitSettings, LimitView } from '../cluster/limits.ts';

export class Limits {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** The limits that are set, by name, with what of each key is out. */
  list(): Promise<readonly LimitView[]> {
    return this.#client.limits();
  }

  async get(limit: string): Promise<LimitView | undefined> {
    return (await this.list()).find((each) => each.limit === limit);
  }

  /**
   * Changes what is set for a key, or for each key of a family such as `api.*`, and leaves the rest; `null` takes back what
   * was set. Masters go by it at once. Resolves with all that is set.
   *
   * @throws {Fault} `input.invalid`
   * @example await yard.limits.set('api.*', { maxActive: 5, ratePerSecond: 10 });
   */
  set(limit: string, change: LimitChange): Promise<LimitSettings> {
    return this.#client.setLimit(limit, change);
  }

  /** Takes back whatever was set for it. */
  async delete(limit: string): Promise<void> {
    await this.set(limit, { maxActive: null, ratePerSecond: null });
  }
}
