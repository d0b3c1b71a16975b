/**
 * The places that there are, and the letters that lead to them.
 */

import type { TokenScope } from '../../../sdk/index.ts';

export interface Spot {
  path: string;
  name: string;
  /** After `g`. */
  key: string;
  /** Under which heading it stands. */
  group: (typeof groups)[number];
  /** Who has not this scope is not led there. */
  needs?: TokenScope;
}

export const groups = ['Watch', 'Operate', 'Look into'] as const;

export const base = '/console';

export const places: readonly Spot[] = [
  { path: '/', name: 'Overview', key: 'o', group: 'Watch' },
  { path: '/jobs', name: 'Jobs', key: 'j', group: 'Watch' },
  { path: '/workflows', name: 'Workflows', key: 'f', group: 'Watch' },
  { path: '/machines', name: 'Machines', key: 'm', group: 'Watch' },
  { path: '/transcoding', name: 'Transcoding', key: 't', group: 'Watch' },
  { path: '/submit', name: 'Submit', key: 'n', group: 'Operate', needs: 'submit' },
  { path: '/schedules', name: 'Schedules', key: 's', group: 'Operate' },
  { path: '/queues', name: 'Queues', key: 'q', group: 'Operate' },
  { path: '/workers', name: 'Workers', key: 'w', group: 'Operate' },
  { path: '/masters', name: 'Masters', key: 'l', group: 'Operate' },
  { path: '/dead', name: 'Dead letter', key: 'd', group: 'Look into' },
  { path: '/rejected', name: 'Rejected', key: 'r', group: 'Look into' },
  { path: '/audit', name: 'Audit', key: 'a', group: 'Look into', needs: 'admin' },
  { path: '/about', name: 'About', key: 'i', group: 'Look into' },
];
