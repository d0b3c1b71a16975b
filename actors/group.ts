/**
 * What a waiting job shares with others beside its queue, its level and its needs: the tenant to whom it belongs, and
 * the limits that hold for it. Jobs of one group stand in one line, and go or stay together.
 */

import { tenantIn } from '../runtime/key.ts';

/** What says to which group a job belongs. */
export interface Counted {
  key: string;
  limitKeys?: readonly string[] | undefined;
}

export interface Group {
  /** The same for all jobs of one tenant under the same limits, and for no others. */
  name: string;
  tenant: string;
  /** Names of limits: nothing of the group is offered while there is no room under one of them. */
  limits: readonly string[];
}

/** The group of a job: its tenant and the limit keys that it names. */
export function groupOf({ key, limitKeys = [] }: Counted): Group {
  const tenant = tenantIn(key);
  return {
    name: [tenant, ...limitKeys].join(' '),
    tenant,
    limits: [`tenant ${tenant}`, ...limitKeys.map((each) => `key ${each}`)],
  };
}
