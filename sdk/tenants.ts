/**
 * Tenants at run time: the part of each, and its limits.
 */

import type { Client } from '../cluster/client.ts';
import type { TenantChange, TenantSettings, TenantView } from '../cluster/limits.ts';

export class Tenants {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Tenants for which something is set, or that have open jobs. */
  list(): Promise<readonly TenantView[]> {
    return this.#client.tenants();
  }

  async get(tenant: string): Promise<TenantView | undefined> {
    return (await this.list()).find((each) => each.tenant === tenant);
  }

  /**
   * Changes what is set for a tenant and leaves the rest; `null` takes back what was set. Masters go by it at once. Resolves
   * with all that is set.
   *
   * @throws {Fault} `input.invalid`
   * @example await yard.tenants.set('acme', { weight: 3, maxActive: 50 });
   */
  set(tenant: string, change: TenantChange): Promise<TenantSettings> {
    return this.#client.setTenant(tenant, change);
  }
}
