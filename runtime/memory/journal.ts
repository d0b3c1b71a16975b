/**
 * The live logs of jobs: kept in order, read from the beginning, followed as they grow.
 */

import { pause } from '../clock.ts';
import type { LogLine } from '../ports.ts';
import { Channel, carried } from './channel.ts';
import type { Link } from './link.ts';

/** A follower looks by itself this often, in case that it was not told. */
const lookMs = 1_000;

export class Journal {
  readonly #lines = new Map<string, LogLine[]>();
  readonly #grown = new Channel<{ key: string }>();

  append(link: Link, key: string, lines: readonly LogLine[]): void {
    const copy = carried(lines);
    link.send('message', () => {
      const kept = this.#lines.get(key) ?? [];
      kept.push(...copy);
      this.#lines.set(key, kept);
      this.#grown.spread({ key });
    });
  }

  async *read(link: Link, key: string, options: { follow: boolean; signal?: AbortSignal }): AsyncIterable<LogLine> {
    let ring = () => {};
    const stop = options.follow
      ? await this.#grown.listen(link, (grown) => void (grown.key === key && ring()))
      : async () => {};
    options.signal?.addEventListener('abort', () => ring(), { once: true });
    try {
      for (let from = 0; ; ) {
        const rung = new Promise<void>((resolve) => {
          ring = resolve;
        });
        const lines = await link.call(() => this.#lines.get(key)?.slice(from) ?? []);
        yield* lines;
        from += lines.length;
        if (!options.follow || options.signal?.aborted === true) return;
        if (lines.length === 0) await Promise.race([rung, pause(link.clock, lookMs)]);
      }
    } finally {
      await stop();
    }
  }
}
