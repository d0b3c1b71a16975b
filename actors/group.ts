/**
 * What a waiting job shares with others beside its queue, its level and its needs: the tenant to whom it belongs, and
 * the limits that hold for it. Jobs of one group stand in one line, and go or stay together.
 */

export interface Group {
  /** The same for all jobs of one tenant under the same limits, and for no others. */
  name: string;
  tenant: string;
  /** Names of limits: nothing of the group is offered while there is no room under one of them. */
  limits: readonly string[];
}

/** The group of a job. */
export function groupOf({ key }: { key: string }): Group {
  const tenant = tenantOf(key);
  return { name: tenant, tenant, limits: [`tenant ${tenant}`] };
}

/** Whose job it is: what stands before the dot of its key. */
export function tenantOf(key: string): string {
  return key.slice(0, Math.max(0, key.indexOf('.')));
}
