/**
 * Limits and tenants as people see them: what is set, and what of it is out now.
 */

import { type LimitSettings, limitsFor } from '../machines/rules/limit.ts';
import type { TenantSettings } from '../machines/rules/tenant.ts';
import type { Accounts } from './account.ts';

/** A limit that is set; `out` counts jobs by key, for each key that has some, and is absent where nobody leads. */
export interface LimitView extends LimitSettings {
  out?: Readonly<Record<string, number>>;
}

/** A tenant; what is counted is absent where nobody leads. */
export interface TenantView extends TenantSettings {
  /** Jobs that are not settled. */
  open?: number;
  /** Jobs that are offered, or held by a worker. */
  out?: number;
}

/** By name, those that are set. */
export function limitViews(accounts: Accounts): readonly LimitView[] {
  const set = [...accounts.limits()].filter((limit) => Object.keys(limit).length > 1);
  const names = new Set(set.map(({ limit }) => limit));
  const out = new Map<string, Record<string, number>>();
  for (const { name, out: held } of accounts.inUse('key')) {
    const limit = limitsFor(name).find((each) => names.has(each));
    if (limit !== undefined) out.set(limit, { ...out.get(limit), [name]: held.size });
  }
  return set
    .map((settings) => ({ ...settings, out: out.get(settings.limit) ?? {} }))
    .toSorted((one, other) => (one.limit < other.limit ? -1 : 1));
}

export function tenantViews(accounts: Accounts): readonly TenantView[] {
  return accounts
    .tenants()
    .map((settings) => ({
      ...settings,
      open: accounts.openOf(settings.tenant),
      out: accounts.get('tenant', settings.tenant).out.size,
    }))
    .toSorted((one, other) => (one.tenant < other.tenant ? -1 : 1));
}
