/**
 * Brings brokers of our own back, each by itself: where they died, and where their store is stuck because a disk was
 * full, as soon as it has room again.
 *
 * Looks once a second. One whose restart failed is tried again: of a cluster that has lost its majority, none is ready
 * before another one is. One that is stuck is stopped in order, so that it keeps all that it acknowledged.
 */

import { storeHealth } from '../nats/broker-health.ts';
import type { EmbeddedBroker } from '../nats/embedded.ts';
import { isAlive } from '../nats/leftover.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/faults.ts';
import { diskOf } from './disk-gauge.ts';
import { floorOf } from './disk-watch.ts';

export interface BrokerWatchOptions {
  brokers: readonly EmbeddedBroker[];
  clock: Clock;
  say(sentence: string): void;
  /** One has been started again. */
  onChange(): void;
}

const everyMs = 1_000;
/** One that is stuck again right after its restart is left alone for so long. */
const againAfterMs = 10_000;

/** Watches until cancelled; what is being restarted then is stopped again. */
export function watchBrokers(options: BrokerWatchOptions): Cancel {
  const { brokers, clock } = options;
  const posts = brokers.map((broker) => new Post(broker, options));
  const stop = clock.every(everyMs, () => {
    for (const post of posts) void post.look();
  });
  return () => {
    stop();
    for (const post of posts) post.leave();
  };
}

/** One broker, and what becomes of it. */
class Post {
  readonly #broker: EmbeddedBroker;
  readonly #options: BrokerWatchOptions;
  #isBusy = false;
  #isOver = false;
  /** Whether its being stuck has been said. */
  #isStuck = false;
  #mendedAt = Number.NEGATIVE_INFINITY;

  constructor(broker: EmbeddedBroker, options: BrokerWatchOptions) {
    this.#broker = broker;
    this.#options = options;
  }

  leave(): void {
    this.#isOver = true;
  }

  async look(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const { pid } = this.#broker;
    if (pid === undefined) await this.#restart();
    else if (!isAlive(pid)) {
      this.#say(`${this.#name} (process ${pid}) has died; it is started again.`);
      await this.#restart();
    } else await this.#mend();
    this.#isBusy = false;
  }

  async #mend(): Promise<void> {
    const { clock } = this.#options;
    const { monitoringUrl, dataDir } = this.#broker;
    const { error } = (await storeHealth(monitoringUrl, clock)) ?? {};
    if (error === undefined || this.#isOver) return;
    if (!this.#isStuck)
      this.#say(
        `${this.#name} could not write and stores nothing more: ${error}. Make room on the disk of ${dataDir}; it is started anew then by itself, and nothing that was acknowledged is lost.`,
      );
    this.#isStuck = true;
    const disk = await diskOf(dataDir);
    const hasRoom = disk === undefined || disk.free >= floorOf(disk);
    if (!hasRoom || this.#isOver || clock.mono() - this.#mendedAt < againAfterMs) return;
    this.#mendedAt = clock.mono();
    this.#say(`The disk of ${dataDir} has room: ${this.#name} is started anew.`);
    await this.#restart();
    this.#isStuck = false;
  }

  async #restart(): Promise<void> {
    try {
      await this.#broker.restart();
      this.#options.onChange();
    } catch (error) {
      this.#say(messageOf(error));
    }
    if (this.#isOver) await this.#broker.stop();
  }

  get #name(): string {
    const { brokers } = this.#options;
    return brokers.length === 1 ? 'The broker' : `Broker ${brokers.indexOf(this.#broker) + 1}`;
  }

  #say(sentence: string): void {
    if (!this.#isOver) this.#options.say(sentence);
  }
}
