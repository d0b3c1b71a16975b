/**
 * How many jobs of a type may be sent to a worker beyond its free slots.
 *
 * None until the type is known to be short: then a worker would idle between one job's end and the next one's
 * arrival, and every mail, claim and result would travel alone. Learned from how long handlers ran, as the records
 * say; strict priority holds to within it. So many for each slot that will soon be free again: behind a job that runs
 * for long nothing is to wait, since the worker would hand it back.
 */

const kept = 64;
const learnFrom = 32;
const shortMs = 50;
/** What is sent ahead should run within about this time: under the 200 ms after which a worker hands it back. */
const windowMs = 160;
/** For a whole worker. */
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

  /** Jobs of `type` that may wait on a worker for so many slots, which are free or taken by short jobs. */
  of(type: string, slots: number): number {
    return this.#fixed ?? Math.min(most, Math.round(slots * (this.#spans.get(type)?.value ?? 0)));
  }

  /** How many of the slots that are held, by type, are held by jobs that may run for long. */
  longOf(slotsByType: ReadonlyMap<string, number>): number {
    let long = 0;
    for (const [type, slots] of slotsByType) if (this.of(type, 1) === 0) long += slots;
    return long;
  }

  /** How long handlers of `type` have run on average of late, ms; `undefined` until one has ended. */
  meanMs(type: string): number | undefined {
    const spans = this.#spans.get(type);
    if (spans === undefined) return undefined;
    const seen = spans.ms.subarray(0, Math.min(kept, spans.count));
    return seen.reduce((sum, ms) => sum + ms, 0) / seen.length;
  }

  /** For one slot of a worker, by type. */
  known(): ReadonlyMap<string, number> {
    return new Map([...this.#spans.keys()].map((type) => [type, this.of(type, 1)]));
  }
}

function lookAhead(ms: Float64Array): number {
  const p90 = [...ms].sort((a, b) => a - b)[Math.floor(ms.length * 0.9)] ?? shortMs;
  return p90 >= shortMs ? 0 : windowMs / Math.max(1, p90);
}
