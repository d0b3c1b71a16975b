/**
 * Records of waiting jobs that this master has just written, so that an offer can carry its record along.
 *
 * Bounded, and full means that no more are taken in: the oldest are the next to be offered. A record that is not
 * here is read by the worker itself.
 */

import type { JobRecord } from '../runtime/record.ts';

const most = 20_000;

export class Bodies {
  readonly #records = new Map<string, { revision: number; record: JobRecord }>();

  keep(key: string, revision: number, record: JobRecord): void {
    if (this.#records.size < most) this.#records.set(key, { revision, record });
  }

  /** The record under `key` at exactly this revision. */
  get(key: string, revision: number): JobRecord | undefined {
    const kept = this.#records.get(key);
    return kept?.revision === revision ? kept.record : undefined;
  }

  drop(key: string): void {
    this.#records.delete(key);
  }
}
