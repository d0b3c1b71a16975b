/**
 * Queues at run time: their order, their weight, their limits, and whether they are served at all.
 */

import type { Client } from '../cluster/client.ts';
import type { Expecting, QueueChange, QueueSettings, QueueView } from '../cluster/queues.ts';

export class Queues {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** The queues in the order in which they are served, with what of each waits and is out. */
  list(): Promise<readonly QueueView[]> {
    return this.#client.queues();
  }

  /** What holds for one queue; `undefined` of one that is not listed, and that nobody has used or set. */
  async get(queue: string): Promise<QueueView | undefined> {
    return (await this.list()).find((each) => each.queue === queue);
  }

  /** What is set for one queue, and nothing of what follows from it. */
  settings(queue: string): Promise<QueueSettings> {
    return this.#client.queueSettings(queue);
  }

  /**
   * Changes what is set for a queue and leaves the rest; `null` takes back what was set. Masters go by it at once, and
   * without any restart. Resolves with all that is set.
   *
   * @param expecting.expect is shown what was set until then; where it throws, nothing is changed.
   * @throws {Fault} `input.invalid`
   * @example await yard.queues.set('batch', { mode: 'weighted', weight: 3, maxActive: 20 });
   */
  set(queue: string, change: QueueChange, expecting?: Expecting<QueueSettings>): Promise<QueueSettings> {
    return this.#client.setQueue(queue, change, expecting);
  }

  /** Has no more jobs of a queue start; what runs goes on. */
  pause(queue: string, expecting?: Expecting<QueueSettings>): Promise<QueueSettings> {
    return this.set(queue, { paused: true }, expecting);
  }

  resume(queue: string, expecting?: Expecting<QueueSettings>): Promise<QueueSettings> {
    return this.set(queue, { paused: null }, expecting);
  }
}
