/**
 * The verbs for bulk operations. Each says what it promises; `cluster/bulk.ts` keeps it.
 */

import type { BulkGiven, BulkRecord } from '../cluster/bulk.ts';
import type { Client } from '../cluster/client.ts';

/** What is done to many jobs at once: `yard.bulk`. A master carries it out, so whoever started it may go away. */
export class BulkOperations {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Starts an operation; durable once the promise resolves. Each job is done to or refused by itself, and no job twice,
   * whichever masters die meanwhile. Where no master runs, it waits for one.
   *
   * @throws {Fault} `input.invalid`; `group.missing`
   * @example const { id } = await yard.bulk.start({ verb: { verb: 'cancel' }, filter: { queue: 'batch' }, perSecond: 50 });
   */
  start(given: BulkGiven): Promise<BulkRecord> {
    return this.#client.done({ what: 'bulk.start', target: given.verb.verb, given }, () =>
      this.#client.bulk.start(given),
    );
  }

  /** A dry run: how many jobs it would be done to now. @throws {Fault} as `start`. */
  count(given: BulkGiven): Promise<number> {
    return this.#client.bulk.count(given);
  }

  get(id: string): Promise<BulkRecord | undefined> {
    return this.#client.bulk.get(id);
  }

  /** Those that run, and the last hundred that ended within thirty days; the newest first. */
  list(): Promise<readonly BulkRecord[]> {
    return this.#client.bulk.list();
  }

  /**
   * The operation as it is now, and whenever it has come further, until it has ended.
   *
   * @throws {Fault} `bulk.missing`
   * @example for await (const { matched, done } of yard.bulk.follow(id)) console.log(`${done} of ${matched}`);
   */
  follow(id: string, options: { signal?: AbortSignal } = {}): AsyncIterable<BulkRecord> {
    return this.#client.bulk.follow(id, options);
  }

  /** The operation once it has ended. @throws {Fault} `bulk.missing`; `wait.timedOut` where it has not within that time. */
  ended(id: string, options: { timeoutMs: number }): Promise<BulkRecord> {
    return this.#client.bulk.ended(id, options);
  }

  /**
   * Has it stop: what is done is done. Resolves when it has; where no master runs, with the wish in its record.
   *
   * @throws {Fault} `bulk.missing`; `bulk.refused` where it has ended.
   */
  abort(id: string): Promise<BulkRecord> {
    return this.#client.done({ what: 'bulk.abort', target: id }, () => this.#client.bulk.abort(id));
  }
}
