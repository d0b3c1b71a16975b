/**
 * Mail for workers: kept for a minute, handed over when the worker can be reached, never acknowledged.
 */

import type { Clock } from '../clock.ts';
import type { Offer, Stop } from '../ports.ts';
import { carried } from './channel.ts';
import type { Link } from './link.ts';

const keptMs = 60_000;

interface Box {
  letters: { at: number; offers: readonly Offer[] }[];
  receiver?: { link: Link; hear: (offers: readonly Offer[]) => void } | undefined;
}

export class Post {
  readonly #clock: Clock;
  readonly #boxes = new Map<string, Box>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  send(link: Link, incarnation: string, offers: readonly Offer[]): void {
    const letter = carried(offers);
    link.send('mail', () => {
      const box = this.#boxOf(incarnation);
      box.letters.push({ at: this.#clock.mono(), offers: letter });
      this.#empty(box);
    });
  }

  async receive(link: Link, incarnation: string, onOffers: (offers: readonly Offer[]) => void): Promise<Stop> {
    const box = this.#boxOf(incarnation);
    let stopped = false;
    const hear = (offers: readonly Offer[]) => void (stopped || onOffers(offers));
    await link.call(() => {
      box.receiver = { link, hear };
      this.#empty(box);
    });
    const stopHealing = link.onHeal(() => this.#empty(box));
    return async () => {
      stopped = true;
      box.receiver = undefined;
      stopHealing();
    };
  }

  /** Mail lies in memory: with the broker's process it is gone. */
  clear(): void {
    for (const box of this.#boxes.values()) box.letters = [];
  }

  #boxOf(incarnation: string): Box {
    const box = this.#boxes.get(incarnation) ?? { letters: [] };
    this.#boxes.set(incarnation, box);
    return box;
  }

  #empty(box: Box): void {
    const { receiver } = box;
    if (receiver?.link.isUp !== true) return;
    for (const { at, offers } of box.letters.splice(0))
      if (this.#clock.mono() - at <= keptMs) receiver.link.handOver(() => receiver.hear(offers));
  }
}
