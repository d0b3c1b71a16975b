/**
 * Job types that workers have made known.
 */

import type { Client } from '../cluster/client.ts';
import type { TypeView } from '../cluster/job-types.ts';

export class Types {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Every type that any worker has ever made known, by name, with its payload as JSON Schema where its worker can say it. */
  list(): Promise<readonly TypeView[]> {
    return this.#client.types();
  }

  /**
   * One of them.
   *
   * @throws {Fault} `type.missing`
   * @example const { schema } = await yard.types.get('transcode');
   */
  get(type: string): Promise<TypeView> {
    return this.#client.type(type);
  }
}
