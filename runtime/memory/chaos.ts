/**
 * What goes wrong in the memory world, and how often. Only what a real broker was seen to do is here.
 *
 * A seeded chance decides each time, so that a run can be repeated. `calm` lets nothing go wrong.
 */

/**
 * What becomes of a batch of writes.
 *
 * `silent…`: it gets no answer. It was stored at once (`silentStored`), will be stored when nobody expects it any
 * more (`silentLate`), or never (`silentLost`).
 */
export type WriteFate = 'normal' | 'busy' | 'silentStored' | 'silentLate' | 'silentLost';

/** What travels without a promise. */
export type Parcel = 'change' | 'mail' | 'message';

export interface Chaos {
  fate(): WriteFate;
  loses(parcel: Parcel): boolean;
  duplicates(parcel: Parcel): boolean;
  /** For how long it is held up while others pass it, ms; 0: it keeps its place. */
  heldUpMs(parcel: Parcel): number;
  /** By how many writes a read that need not be fresh is behind. */
  staleBy(): number;
  /** How long one way through the network takes, ms. */
  latencyMs(): number;
  /** How long after it was sent a late write is stored, ms. */
  lateMs(): number;
}

/** Probabilities from 0 to 1, and bounds; what is not named does not happen. */
export interface Odds {
  busy: number;
  silentStored: number;
  silentLate: number;
  silentLost: number;
  lost: Readonly<Partial<Record<Parcel, number>>>;
  duplicated: Readonly<Partial<Record<Parcel, number>>>;
  reordered: Readonly<Partial<Record<Parcel, number>>>;
  /** How long what is reordered is held up, ms. */
  heldUpMs: readonly [least: number, most: number];
  staleReads: number;
  /** The most writes that a stale read is behind. */
  staleByAtMost: number;
  latencyMs: readonly [least: number, most: number];
  lateMs: readonly [least: number, most: number];
}

export const calm: Chaos = chaos({}, () => 0.5);

/** Chaos by these odds. */
export function chaos(odds: Partial<Odds>, chance: () => number): Chaos {
  const happens = (probability: number | undefined) => probability !== undefined && chance() < probability;
  const between = ([least, most]: readonly [number, number]) =>
    least === most ? least : least + Math.floor(chance() * (most - least + 1));
  return {
    fate: () => fateOf(odds, chance),
    loses: (parcel) => happens(odds.lost?.[parcel]),
    duplicates: (parcel) => happens(odds.duplicated?.[parcel]),
    heldUpMs: (parcel) => (happens(odds.reordered?.[parcel]) ? between(odds.heldUpMs ?? [1, 50]) : 0),
    staleBy: () => (happens(odds.staleReads) ? between([1, odds.staleByAtMost ?? 5]) : 0),
    latencyMs: () => between(odds.latencyMs ?? [0, 0]),
    lateMs: () => between(odds.lateMs ?? [1, 10_000]),
  };
}

function fateOf(odds: Partial<Odds>, chance: () => number): WriteFate {
  let left = chance();
  for (const fate of ['busy', 'silentStored', 'silentLate', 'silentLost'] as const) {
    const probability = odds[fate] ?? 0;
    if (left < probability) return fate;
    left -= probability;
  }
  return 'normal';
}
