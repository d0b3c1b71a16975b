/**
 * Quotas as a door sees them, which makes jobs by writes of its own: what is set lies in the control bucket, how many jobs
 * are open the leader tells, and where none answers the heads of all jobs do.
 */

import { type OpenCount, Quotas } from '../actors/quota.ts';
import { isSettled } from '../machines/job.ts';
import { isTenantSettings } from '../machines/rules/tenant.ts';
import type { Clock } from '../runtime/clock.ts';
import { tenantIn } from '../runtime/key.ts';
import type { JobStore, World } from '../runtime/ports.ts';
import { askOpen } from './desk-answer.ts';

/** So much later a door goes by what somebody sets, ms. */
const readAgainMs = 2_000;

/** For the doors of one tenant. */
export function doorQuotas({ world, clock }: { world: World; clock: Clock }): Quotas {
  const { store, desk } = world;
  return new Quotas({
    store,
    clock,
    most: remembered((tenant) => readMost(world, tenant), clock),
    count: async (tenant) => (await askOpen(desk, tenant)) ?? (await countOpen(store, tenant)),
  });
}

async function readMost({ control }: World, tenant: string): Promise<number | undefined> {
  const set = { ...(await control.tenants.of(tenant)) };
  return isTenantSettings(set) ? set.maxOpen : undefined;
}

/** What `read` says, asked for again when it is old. One who asks meanwhile waits for the same answer. */
function remembered<Value>(read: (tenant: string) => Promise<Value>, clock: Clock): (tenant: string) => Promise<Value> {
  let last: { of: string; at: number; value: Promise<Value> } | undefined;
  return (tenant) => {
    if (last !== undefined && last.of === tenant && clock.mono() - last.at < readAgainMs) return last.value;
    const value = read(tenant);
    const asked = { of: tenant, at: clock.mono(), value };
    last = asked;
    value.catch(() => {
      if (last === asked) last = undefined;
    });
    return value;
  };
}

/** Counted by hand, off the heads of all jobs. */
async function countOpen(store: JobStore, tenant: string): Promise<OpenCount> {
  const { lastRevision: revision } = await store.state();
  let open = 0;
  for await (const change of store.changesAfter(0))
    if (change.kind === 'job' && tenantIn(change.head.key) === tenant && !isSettled(change.head.state)) open++;
  return { open, revision };
}
