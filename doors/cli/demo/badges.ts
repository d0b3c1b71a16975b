/**
 * Which worker is meant by an incarnation: the name that people see, remembered when the worker is gone.
 */

import type { Yard } from '../../../sdk/index.ts';

export class Badges {
  readonly #yard: Yard;
  readonly #names = new Map<string, string>();

  constructor(yard: Yard) {
    this.#yard = yard;
  }

  /** Asks the leader who is there now. */
  async learn(): Promise<void> {
    for (const { incarnation, name } of await this.#yard.workers()) this.#names.set(incarnation, name);
  }

  /** The name, or the incarnation of whom nobody has heard. */
  name(incarnation: string): string {
    return this.#names.get(incarnation) ?? incarnation;
  }
}
