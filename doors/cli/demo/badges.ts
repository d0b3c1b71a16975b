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

  /** The name; where it is not known yet, the leader is asked. */
  async find(incarnation: string): Promise<string> {
    if (!this.#names.has(incarnation)) await this.#learn();
    return this.name(incarnation);
  }

  /** The name as far as it is known, else the incarnation. */
  name(incarnation: string): string {
    return this.#names.get(incarnation) ?? incarnation;
  }

  async #learn(): Promise<void> {
    for (const { incarnation, name } of await this.#yard.workers()) this.#names.set(incarnation, name);
  }
}
