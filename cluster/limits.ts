/**
 * What people set for limit keys and tenants, and how the leader sees them.
 *
 * What is set lies in the control bucket and needs no leader; each master that hears of it goes by it at once.
 */

import type { LimitView, TenantView } from '../actors/limit-view.ts';
import {
  changedLimit,
  isLimitSettings,
  type LimitChange,
  type LimitSettings,
  wrongInLimit,
} from '../machines/rules/limit.ts';
import {
  changedTenant,
  isTenantSettings,
  type TenantChange,
  type TenantSettings,
  wrongInTenant,
} from '../machines/rules/tenant.ts';
import { Fault } from '../runtime/faults.ts';
import type { World } from '../runtime/ports.ts';
import { isObject } from './desk-answer.ts';

export type { LimitChange, LimitSettings, LimitView, TenantChange, TenantSettings, TenantView };

const answerWithinMs = 2_000;

/** Limits that are set, by name, and which keys have jobs out under them where a master leads. */
export async function listLimits({ desk, control }: World): Promise<readonly LimitView[]> {
  const answer = await desk.ask('limits', null, answerWithinMs);
  if (Array.isArray(answer)) return answer.filter(isLimitView);
  const all = (await control.limits.all()).filter((set) => isLimitSettings({ ...set }));
  return all.filter(isSet).toSorted((one, other) => (one.limit < other.limit ? -1 : 1));
}

/** Tenants for which something is set, or that have open jobs, where a master leads. */
export async function listTenants({ desk, control }: World): Promise<readonly TenantView[]> {
  const answer = await desk.ask('tenants', null, answerWithinMs);
  if (Array.isArray(answer)) return answer.filter(isTenantView);
  const all = (await control.tenants.all()).filter((set) => isTenantSettings({ ...set }));
  return all.toSorted((one, other) => (one.tenant < other.tenant ? -1 : 1));
}

/**
 * Changes what is set for a limit; what is `null` is taken back. Resolves with all that is set.
 *
 * @throws {Fault} `input.invalid`
 */
export async function setLimit({ control }: World, limit: string, change: LimitChange): Promise<LimitSettings> {
  const wrong = wrongInLimit(limit, change);
  if (wrong !== undefined) throw new Fault('input.invalid', wrong);
  return await control.limits.change(limit, (set) => changedLimit(set, change));
}

/** As `setLimit`, for a tenant. @throws {Fault} `input.invalid` */
export async function setTenant({ control }: World, tenant: string, change: TenantChange): Promise<TenantSettings> {
  const wrong = wrongInTenant(tenant, change);
  if (wrong !== undefined) throw new Fault('input.invalid', wrong);
  return await control.tenants.change(tenant, (set) => changedTenant(set, change));
}

/** What people took back again lies there still, with nothing but its name. */
function isSet(set: object): boolean {
  return Object.keys(set).length > 1;
}

function isLimitView(view: unknown): view is LimitView {
  return isObject(view) && typeof view['limit'] === 'string';
}

function isTenantView(view: unknown): view is TenantView {
  return isObject(view) && typeof view['tenant'] === 'string';
}
