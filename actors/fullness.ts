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
  const look = async () => {
    // A broker that does not answer is told of by others.
    const space = (await store.state().catch(() => undefined))?.space;
    if (space === undefined && !isFilling) return;
    const { bytes, most, by = 'bound' } = space ?? { bytes: 0, most: 0 };
    const share = most === 0 ? 0 : bytes / most;
    const percent = Math.round(100 * share);
    telemetry.tell('store.measured', { bytes, most, share });
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
