/**
 * How full the store of jobs is, told by each master, whether or not it leads: where it is full altogether, nobody can.
 *
 * Measured every ten seconds; `store.filling` comes before doors refuse (`room.ts`), so that somebody makes room in time.
 */

import type { Cancel, Clock } from '../runtime/clock.ts';
import type { JobStore } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';

export interface FullnessOptions {
  store: Pick<JobStore, 'state'>;
  clock: Clock;
  telemetry: Telemetry;
}

const everyMs = 10_000;
const fillingFrom = 0.8;
const easedBelow = 0.75;

/** Tells until cancelled. */
export function tellFullness({ store, clock, telemetry }: FullnessOptions): Cancel {
  let isFilling = false;
  let isLimited = false;
  const look = async () => {
    // A broker that does not answer is told of by others, and the store is as full as it was.
    const state = await store.state().catch(() => undefined);
    if (state === undefined || (state.space === undefined && !isLimited)) return;
    const { bytes, most, by = 'bound' } = state.space ?? { bytes: 0, most: 0 };
    isLimited = most > 0;
    const share = isLimited ? bytes / most : 0;
    const percent = Math.round(100 * share);
    telemetry.tell('store.measured', { bytes, most, share: isLimited ? share : undefined });
    if (!isFilling && share >= fillingFrom) {
      isFilling = true;
      telemetry.tell('store.filling', { percent, by });
    } else if (isFilling && share < easedBelow) {
      isFilling = false;
      telemetry.tell('store.eased', { percent });
    }
  };
  return clock.every(everyMs, () => void look());
}
