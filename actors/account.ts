/**
 * What jobs are counted under beside their queue: their tenant, and each limit key that they name.
 *
 * Of each it knows what people have set and which jobs are out: offered, or held by a worker. That is derived from
 * entries of the board and never counted, so it cannot leak. How much room that leaves is the throttle's
 * (`throttle.ts`); whose turn it is by weight is `decide`'s.
 */

import { type LimitPolicy, type LimitSettings, limitPolicy, limitsFor, noLimit } from '../machines/rules/limit.ts';
import type { TenantSettings } from '../machines/rules/tenant.ts';
import { tenantIn } from '../runtime/key.ts';
import type { Entry } from './entry.ts';
import type { Counted } from './group.ts';
import { Parking } from './parking.ts';

/** Something under which jobs are counted, with what holds for it and what of it is out. */
export interface Account {
  readonly kind: 'queue' | 'tenant' | 'key';
  readonly name: string;
  readonly policy: LimitPolicy & { paused?: boolean };
  readonly out: ReadonlySet<Entry>;
}

interface Kept extends Account {
  policy: LimitPolicy;
  readonly out: Set<Entry>;
}

export class Accounts {
  readonly #limits = new Map<string, LimitSettings>();
  readonly #tenants = new Map<string, TenantSettings>();
  /** Those of which something is out, by kind and name. */
  readonly #kept = { tenant: new Map<string, Kept>(), key: new Map<string, Kept>() };
  /** How many jobs of each tenant are open. */
  readonly #open = new Map<string, number>();
  readonly #parking: Parking;

  /** @param parking hears of room under limits. */
  constructor(parking = new Parking()) {
    this.#parking = parking;
  }

  /** The tenant of a job, then its keys. */
  of({ key, limitKeys = [] }: Counted): readonly Account[] {
    return [this.get('tenant', tenantIn(key)), ...limitKeys.map((each) => this.get('key', each))];
  }

  /** The account that a group calls `tenant acme` or `key api.acme` (`group.ts`). */
  named(limit: string): Account {
    const space = limit.indexOf(' ');
    return this.get(limit.slice(0, space) === 'key' ? 'key' : 'tenant', limit.slice(space + 1));
  }

  get(kind: 'tenant' | 'key', name: string): Account {
    return this.#kept[kind].get(name) ?? { kind, name, policy: this.#policyOf(kind, name), out: new Set() };
  }

  /** Limits that people have set, and those that they took back. */
  limits(): Iterable<LimitSettings> {
    return this.#limits.values();
  }

  /** Accounts of which something is out. */
  inUse(kind: 'tenant' | 'key'): Iterable<Account> {
    return this.#kept[kind].values();
  }

  /** Tenants for which something is set, or that have open jobs. */
  tenants(): readonly TenantSettings[] {
    const names = new Set([...this.#tenants.keys(), ...this.#open.keys()]);
    return [...names].map((tenant) => this.#tenants.get(tenant) ?? { tenant });
  }

  /** The part of a tenant among those of a lane. */
  weightOf(tenant: string): number {
    return this.#tenants.get(tenant)?.weight ?? 1;
  }

  /** The most jobs of a tenant that may be open; `undefined` where it has no quota. */
  maxOpenOf(tenant: string): number | undefined {
    return this.#tenants.get(tenant)?.maxOpen;
  }

  openOf(tenant: string): number {
    return this.#open.get(tenant) ?? 0;
  }

  setLimit(settings: LimitSettings): void {
    this.#limits.set(settings.limit, settings);
    for (const account of this.#kept.key.values()) account.policy = this.#policyOf('key', account.name);
    this.#parking.freeAll();
  }

  setTenant(settings: TenantSettings): void {
    this.#tenants.set(settings.tenant, settings);
    const account = this.#kept.tenant.get(settings.tenant);
    if (account !== undefined) account.policy = limitPolicy(settings);
    this.#parking.free(limitName({ kind: 'tenant', name: settings.tenant }));
  }

  /** A job has come to the board, or left it. */
  opened({ key }: Counted): void {
    const tenant = tenantIn(key);
    this.#open.set(tenant, this.openOf(tenant) + 1);
  }

  closed({ key }: Counted): void {
    const tenant = tenantIn(key);
    const left = this.openOf(tenant) - 1;
    if (left > 0) this.#open.set(tenant, left);
    else this.#open.delete(tenant);
  }

  /** A job is offered, or held by a worker. */
  out(entry: Entry): void {
    this.#keep('tenant', tenantIn(entry.key)).out.add(entry);
    for (const key of entry.limitKeys ?? []) this.#keep('key', key).out.add(entry);
  }

  /** A job is neither, whether or not it was. */
  in(entry: Entry): void {
    this.#drop('tenant', tenantIn(entry.key), entry);
    for (const key of entry.limitKeys ?? []) this.#drop('key', key, entry);
  }

  /** Forgets all jobs; what people have set stays. */
  clear(): void {
    this.#kept.tenant.clear();
    this.#kept.key.clear();
    this.#open.clear();
  }

  #keep(kind: 'tenant' | 'key', name: string): Kept {
    let account = this.#kept[kind].get(name);
    if (account === undefined) {
      account = { kind, name, policy: this.#policyOf(kind, name), out: new Set() };
      this.#kept[kind].set(name, account);
    }
    return account;
  }

  #drop(kind: 'tenant' | 'key', name: string, entry: Entry): void {
    const account = this.#kept[kind].get(name);
    if (account?.out.delete(entry) !== true) return;
    if (account.out.size === 0) this.#kept[kind].delete(name);
    this.#parking.free(limitName({ kind, name }));
  }

  #policyOf(kind: 'tenant' | 'key', name: string): LimitPolicy {
    if (kind === 'tenant') return limitPolicy(this.#tenants.get(name) ?? {});
    for (const limit of limitsFor(name)) {
      const { limit: _, ...set } = this.#limits.get(limit) ?? { limit };
      if (Object.keys(set).length > 0) return limitPolicy(set);
    }
    return noLimit;
  }
}

/** What a group calls the limit of an account (`group.ts`). */
export function limitName({ kind, name }: Pick<Account, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}
