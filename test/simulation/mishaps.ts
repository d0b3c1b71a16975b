/**
 * What chance did to a run, counted by name: for the account at the end of how much went wrong.
 */

import type { Chaos } from '../../runtime/memory/chaos.ts';

/** The same chaos; each time that it strikes is told by name. */
export function counted(chaos: Chaos, tell: (mishap: string) => void): Chaos {
  const struck = <Value>(mishap: string, value: Value, isCalm: Value): Value => {
    if (value !== isCalm) tell(mishap);
    return value;
  };
  return {
    ...chaos,
    fate: () => {
      const fate = chaos.fate();
      return struck(`write ${fate}`, fate, 'normal');
    },
    loses: (parcel) => struck(`${parcel} lost`, chaos.loses(parcel), false),
    duplicates: (parcel) => struck(`${parcel} duplicated`, chaos.duplicates(parcel), false),
    heldUpMs: (parcel) => struck(`${parcel} reordered`, chaos.heldUpMs(parcel), 0),
    staleBy: () => struck('read stale', chaos.staleBy(), 0),
  };
}
