/**
 * Who has led, from when until when, and why it ended: for people only, nothing rests on it.
 *
 * A leader writes itself down once it is elected, and how its term ended where it gives it up itself. Who was killed, hung or
 * was cut off can write nothing any more: there its successor writes that it was silent. What cannot be written is lost, and
 * keeps nobody from leading.
 */

import type { Clock } from '../runtime/clock.ts';
import type { Control, TermRecord } from '../runtime/ports.ts';

/** So many terms are kept. */
const kept = 50;

const silent = 'it was silent';

/** The newest first, whoever came first to write; of one that did not say how it ended, its successor's beginning is the end. */
function inOrder(terms: readonly TermRecord[]): readonly TermRecord[] {
  const sorted = terms.toSorted((one, other) => other.since - one.since || other.term - one.term);
  return sorted.map((one, place) => {
    const next = sorted[place - 1];
    const saidItself = one.ended !== undefined && one.ended.reason !== silent;
    return next === undefined || saidItself ? one : { ...one, ended: { at: next.since, reason: silent } };
  });
}

export interface AnnalsOptions {
  terms: Control['terms'];
  clock: Clock;
  name: string;
  incarnation: string;
}

export class Annals {
  readonly #options: AnnalsOptions;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: AnnalsOptions) {
    this.#options = options;
  }

  /** This master has been elected. */
  begin(term: number): Promise<void> {
    const { clock, name, incarnation } = this.#options;
    const since = clock.now();
    return this.#change((before) => inOrder([{ term, name, incarnation, since }, ...before]).slice(0, kept));
  }

  /** It has given a term up, and knows better why than who came next. */
  end(term: number, reason: string): Promise<void> {
    const { clock, incarnation } = this.#options;
    const ended = { at: clock.now(), reason };
    return this.#change((before) =>
      before.map((one) => (one.term === term && one.incarnation === incarnation ? { ...one, ended } : one)),
    );
  }

  /** One after the other, or a term might end before it began. */
  #change(change: (before: readonly TermRecord[]) => readonly TermRecord[]): Promise<void> {
    this.#writing = this.#writing.then(() => this.#options.terms.change(change).catch(() => undefined));
    return this.#writing;
  }
}
