/**
 * How many jobs of a type may be sent to a worker beyond its free slots.
 *
 * None until the type is known to be short: then a worker would idle between one job's end and the next one's
 * arrival, and every mail, claim and result would travel alone. Learned from how long handlers ran, as the records
 * say; strict priority holds to within it.
 */

const kept = 64;
const learnFrom = 32;
const shortMs = 50;
/** What is sent ahead should run within about this time, with a few slots at work: well under a claim's 200 ms. */
const windowMs = 2_000;
const most = 200;

export class LookAhead {
  readonly #fixed: number | undefined;
  readonly #spans = new Map<string, { ms: Float64Array; count: number; value: number }>();

  /** @param fixed the same for all types, instead of learning. */
  constructor(fixed?: number) {
    this.#fixed = fixed;
  }

  /** Notes that a handler of `type` ran for `ms`. */
  learn(type: string, ms: number): void {
    let spans = this.#spans.get(type);
    if (spans === undefined) {
      spans = { ms: new Float64Array(kept), count: 0, value: 0 };
      this.#spans.set(type, spans);
    }
    spans.ms[spans.count++ % kept] = ms;
    if (spans.count % learnFrom === 0) spans.value = lookAhead(spans.ms.subarray(0, Math.min(kept, spans.count)));
  }

  /** Jobs of `type` that may wait on a worker. */
  of(type: string): number {
    return this.#fixed ?? this.#spans.get(type)?.value ?? 0;
  }

  /** How long handlers of `type` have run on average of late, ms; `undefined` until one has ended. */
  meanMs(type: string): number | undefined {
    const spans = this.#spans.get(type);
    if (spans === undefined) return undefined;
    const seen = spans.ms.subarray(0, Math.min(kept, spans.count));
    return seen.reduce((sum, ms) => sum + ms, 0) / seen.length;
  }

  known(): ReadonlyMap<string, number> {
    return new Map([...this.#spans].map(([type, { value }]) => [type, value]));
  }
}

function lookAhead(ms: Float64Array): number {
  const p90 = [...ms].sort((a, b) => a - b)[Math.floor(ms.length * 0.9)] ?? shortMs;
  return p90 >= shortMs ? 0 : Math.min(most, Math.round(windowMs / Math.max(1, p90)));
}
