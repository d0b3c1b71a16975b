/**
 * Names of bookmarks: under one lies how far somebody has come with the events of a tenant (`cluster/job-events.ts`).
 */

import { Fault } from '../runtime/faults.ts';

/** What it is kept under: each tenant has its own. @throws {Fault} `input.invalid` */
export function expectBookmark(tenant: string, name: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(name)) return `${tenant}=${name}`;
  throw new Fault(
    'input.invalid',
    `Expected a bookmark called by 1 to 64 letters, digits, \`_\` and \`-\`, got \`${name.slice(0, 80)}\`.`,
  );
}
