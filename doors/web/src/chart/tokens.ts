/**
 * Tokens that run along wires as jobs move. As many as one can see; beyond that a token stands for several, and is larger.
 */

import type { DrawnWire } from '../../drawing/layout.ts';
import { placeOn } from './path.ts';

interface Token {
  dot: SVGCircleElement;
  wire: DrawnWire;
  since: number;
}

const runMs = 700;
const atOnceOnWire = 4;

export class Tokens {
  readonly #layer: SVGGElement;
  readonly #running = new Set<Token>();
  readonly #spare: SVGCircleElement[] = [];
  readonly #onWire = new Map<string, number>();
  #frame = 0;

  constructor(layer: SVGGElement) {
    this.#layer = layer;
  }

  /** So many jobs have taken this wire. */
  send(wire: DrawnWire, jobs: number): void {
    const running = this.#onWire.get(wire.id) ?? 0;
    if (running >= atOnceOnWire || wire.points.length === 0) return;
    this.#onWire.set(wire.id, running + 1);
    const dot = this.#spare.pop() ?? document.createElementNS('http://www.w3.org/2000/svg', 'circle');
    dot.setAttribute('class', 'token');
    dot.setAttribute('r', String(Math.min(11, 4 + 2.2 * Math.log10(jobs))));
    this.#layer.append(dot);
    this.#running.add({ dot, wire, since: performance.now() });
    if (this.#frame === 0) this.#frame = requestAnimationFrame((now) => this.#move(now));
  }

  clear(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    for (const token of this.#running) this.#end(token);
  }

  #move(now: number): void {
    for (const token of this.#running) {
      const share = Math.max(0, now - token.since) / runMs;
      if (share >= 1) {
        this.#end(token);
        continue;
      }
      const [x, y] = placeOn(token.wire.points, share);
      token.dot.setAttribute('transform', `translate(${x} ${y})`);
    }
    this.#frame = this.#running.size === 0 ? 0 : requestAnimationFrame((later) => this.#move(later));
  }

  #end(token: Token): void {
    this.#running.delete(token);
    token.dot.remove();
    this.#spare.push(token.dot);
    this.#onWire.set(token.wire.id, Math.max(0, (this.#onWire.get(token.wire.id) ?? 1) - 1));
  }
}
