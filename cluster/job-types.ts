/**
 * Job types as people see them: what workers have made known of each, and how many serve it now.
 */

import { Fault } from '../runtime/faults.ts';
import type { JobDefaults } from '../runtime/handler.ts';
import type { JsonSchema } from '../runtime/payload-schema.ts';
import type { World } from '../runtime/ports.ts';
import { askCluster } from './desk-answer.ts';

export interface TypeView {
  type: string;
  description?: string;
  /** What its payload may hold; absent where its worker cannot say it, or is of a version that did not. */
  schema?: JsonSchema;
  /** What its jobs have where a submission says nothing. */
  defaults: JobDefaults;
  /** How many workers take jobs of it now; absent where nobody leads. */
  workers?: number;
}

const serving: ReadonlySet<string> = new Set(['available', 'busy']);

/** All that any worker has ever made known, by name. */
export async function listTypes({ control, desk }: World): Promise<readonly TypeView[]> {
  const [known, cluster] = await Promise.all([control.types(), askCluster(desk)]);
  const servers = (cluster?.workers ?? []).filter(({ status }) => serving.has(status));
  return known
    .map((entry) => ({
      ...entry,
      ...(cluster === undefined ? {} : { workers: servers.filter(({ types }) => types.includes(entry.type)).length }),
    }))
    .toSorted((one, other) => (one.type < other.type ? -1 : 1));
}

/** @throws {Fault} `type.missing` */
export async function typeNamed(world: World, name: string): Promise<TypeView> {
  const all = await listTypes(world);
  const found = all.find(({ type }) => type === name);
  if (found !== undefined) return found;
  const known = all.map(({ type }) => type).join(', ');
  throw new Fault(
    'type.missing',
    `Expected a type that a worker has made known (${known || 'there is none'}), got ${name}.`,
  );
}
