/**
 * The places that there are, and the letters that lead to them.
 */

import type { TokenScope } from '../../../sdk/index.ts';

export interface Spot {
  path: string;
  name: string;
  /** After `g`. */
  key: string;
  /** Who has not this scope is not led there. */
  needs?: TokenScope;
}

export const base = '/console';

export const places: readonly Spot[] = [
  { path: '/', name: 'Overview', key: 'o' },
  { path: '/jobs', name: 'Jobs', key: 'j' },
  { path: '/submit', name: 'Submit', key: 'n', needs: 'submit' },
  { path: '/machines', name: 'Machines', key: 'm' },
  { path: '/queues', name: 'Queues', key: 'q' },
  { path: '/workers', name: 'Workers', key: 'w' },
  { path: '/masters', name: 'Masters', key: 'l' },
  { path: '/schedules', name: 'Schedules', key: 's' },
  { path: '/dead', name: 'Dead letter', key: 'd' },
  { path: '/rejected', name: 'Rejected', key: 'r' },
  { path: '/audit', name: 'Audit', key: 'a', needs: 'admin' },
];
