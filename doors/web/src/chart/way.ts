/**
 * Which wire of a chart a transition took. A record says the names of states; a wire may begin at one that holds them.
 */

import type { Drawing, DrawnWire } from '../../drawing/layout.ts';

export interface Move {
  event: string;
  from: string;
  to: string;
}

export class Ways {
  readonly #drawing: Drawing;
  readonly #known = new Map<string, DrawnWire | undefined>();
  readonly #paths: ReadonlyMap<string, string>;

  constructor(drawing: Drawing) {
    this.#drawing = drawing;
    this.#paths = new Map(drawing.boxes.map(({ name, path }) => [name, path]));
  }

  /** Undefined where it stayed where it was, or came out of nothing. */
  wireOf({ event, from, to }: Move): DrawnWire | undefined {
    const name = `${from} ${event} ${to}`;
    if (!this.#known.has(name)) this.#known.set(name, this.#find(event, from, to));
    return this.#known.get(name);
  }

  #find(event: string, from: string, to: string): DrawnWire | undefined {
    const [start, end] = [this.#paths.get(from) ?? '', this.#paths.get(to) ?? ''];
    const fits = this.#drawing.wires.filter(
      (wire) =>
        isWithin(start, wire.from) &&
        isWithin(end, wire.to) &&
        wire.ways.some((way) => way.event === event || way.event === ''),
    );
    // The innermost one is the one that a statechart takes.
    return fits.toSorted((one, other) => other.from.length - one.from.length)[0];
  }
}

function isWithin(path: string, holder: string): boolean {
  return path === holder || path.startsWith(`${holder}.`);
}
