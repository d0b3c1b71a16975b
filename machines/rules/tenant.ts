/**
 * Tenants: whose a job is, and what people may set for one: its part of what starts, its limits and its quota.
 *
 * A tenant need not be made. One for which nothing is set has weight 1 and no limit.
 */

import { aCount, aRate, aWeight, type ChangeOf, changed, known, type Rule, wrongInChange } from './setting.ts';

/** What people have set for one tenant. What is absent is as if nobody had ever set it. */
export interface TenantSettings {
  tenant: string;
  /** Of jobs that start, its part among the tenants of a lane. */
  weight?: number;
  /** The most of its jobs that workers may hold at once. */
  maxActive?: number;
  /** The most of its jobs that may start in a second. */
  ratePerSecond?: number;
  /** The most of its jobs that may be open, which is not settled: no other one is taken then. */
  maxOpen?: number;
}

/** What is to be changed about a tenant; `null` takes back what was set. */
export type TenantChange = ChangeOf<TenantSettings, 'tenant'>;

const tenantPattern = /^[A-Za-z0-9-][A-Za-z0-9_-]{0,63}$/;

/** What is wrong with the name of a tenant, as a sentence. */
export function wrongInTenantName(tenant: string): string | undefined {
  return tenantPattern.test(tenant)
    ? undefined
    : `Expected a tenant of 1 to 64 letters, digits, \`_\` and \`-\` that does not begin with \`_\`, got \`${tenant}\`. Choose another name.`;
}

/** The settings after a change. */
export function changedTenant(set: TenantSettings, change: TenantChange): TenantSettings {
  return { ...changed(set, change), tenant: set.tenant };
}

const rules: { readonly [Name in keyof TenantChange]-?: Rule } = {
  weight: aWeight,
  maxActive: aCount,
  ratePerSecond: aRate,
  maxOpen: aCount,
};

/** The first thing about a change that cannot be, as a sentence; `undefined` where all of it can. */
export function wrongInTenant(tenant: string, change: TenantChange): string | undefined {
  return wrongInTenantName(tenant) ?? wrongInChange(`tenant ${tenant}`, change, rules);
}

/** Whether somebody's JSON is what people may set for a tenant. */
export function isTenantSettings(
  value: Readonly<Record<string, unknown>>,
): value is Record<string, unknown> & TenantSettings {
  const { tenant, ...change } = value;
  return typeof tenant === 'string' && wrongInTenant(tenant, known(change, rules)) === undefined;
}
