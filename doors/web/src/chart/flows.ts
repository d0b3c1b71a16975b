/**
 * What went along each wire in a window of time, as far as this page has seen it.
 *
 * Counted in tenths of the window, so that a thousand transitions a second cost a few numbers.
 */

import type { Drawing, DrawnWire } from '../../drawing/layout.ts';
import type { News } from '../live.ts';
import type { Flow } from './statechart.tsx';
import { Ways } from './way.ts';

interface Part {
  jobs: number;
  /** Some of the times that jobs had spent in the state before, ms. */
  spent: number[];
}

const parts = 10;
const sampled = 64;
const followedAtMost = 20_000;

export class Flows {
  readonly #ways: Ways;
  readonly #partMs: number;
  readonly #parts = new Map<number, Map<string, Part>>();
  /** Since when each job has been where it is, by what was seen. */
  readonly #since = new Map<string, number>();

  constructor(drawing: Drawing, overMs: number) {
    this.#ways = new Ways(drawing);
    this.#partMs = overMs / parts;
  }

  /** How many jobs took which wire, of these. */
  add(news: readonly News[]): ReadonlyMap<DrawnWire, number> {
    const taken = new Map<DrawnWire, number>();
    for (const one of news) {
      const wire = this.#ways.wireOf(one);
      const before = this.#since.get(one.id);
      this.#stay(one);
      if (wire === undefined) continue;
      taken.set(wire, (taken.get(wire) ?? 0) + 1);
      const part = this.#part(wire.id, one.at);
      if (part === undefined) continue;
      part.jobs += 1;
      if (before !== undefined && part.spent.length < sampled) part.spent.push(Math.max(0, one.at - before));
    }
    return taken;
  }

  /** By the id of the wire. */
  now(): ReadonlyMap<string, Flow> {
    const present = this.#present();
    for (const number of this.#parts.keys()) if (number <= present - parts) this.#parts.delete(number);
    const flows = new Map<string, Flow & { spent: number[] }>();
    for (const part of this.#parts.values())
      for (const [id, { jobs, spent }] of part) {
        const flow = flows.get(id) ?? { jobs: 0, spent: [] };
        flows.set(id, { jobs: flow.jobs + jobs, spent: [...flow.spent, ...spent] });
      }
    return new Map([...flows].map(([id, { jobs, spent }]) => [id, { jobs, ...medianOf(spent) }]));
  }

  #stay({ id, to, at }: News): void {
    if (to === 'completed' || to === 'cancelled') this.#since.delete(id);
    else if (this.#since.size < followedAtMost || this.#since.has(id)) this.#since.set(id, at);
  }

  /** By the moment at which it happened; undefined where that is before the window. */
  #part(id: string, at: number): Part | undefined {
    const number = Math.min(this.#partAt(at), this.#present());
    if (number <= this.#present() - parts) return undefined;
    const those = this.#parts.get(number) ?? new Map<string, Part>();
    const part = those.get(id) ?? { jobs: 0, spent: [] };
    this.#parts.set(number, those.set(id, part));
    return part;
  }

  #present(): number {
    return this.#partAt(Date.now());
  }

  #partAt(at: number): number {
    return Math.floor(at / this.#partMs);
  }
}

function medianOf(spent: number[]): { p50Ms?: number } {
  const middle = spent.toSorted((one, other) => one - other)[Math.floor(spent.length / 2)];
  return middle === undefined ? {} : { p50Ms: middle };
}
