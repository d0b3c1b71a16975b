/**
 * Webhooks: who is told of which jobs of a tenant, once these have settled.
 *
 * A delivery is a job itself, of the type `webhook`; of those nobody is told, or each would have another one follow.
 */

import { hidden } from './secret.ts';

/** The type of the jobs that deliver. */
export const webhookType = 'webhook';
/** What the source of such a job begins with: nobody may submit one. */
export const webhookSource = 'webhook:';

export const webhookStates = ['completed', 'failed', 'cancelled'] as const;
export type WebhookState = (typeof webhookStates)[number];

export interface WebhookRecord {
  /** Its id. */
  webhook: string;
  /** Whose jobs it is told of, and no others. */
  tenant: string;
  url: string;
  /** What deliveries are signed with; empty once it is removed. */
  secret: string;
  states: readonly WebhookState[];
  /** Types of jobs; all where absent. */
  types?: readonly string[];
  queues?: readonly string[];
  /** Of jobs up to this revision of the store, its deliveries are made. */
  place: number;
  /** Epoch ms, as all times here. */
  createdAt: number;
  /** The receiver wanted no more (410). */
  endedAt?: number;
  removedAt?: number;
}

/** The id of none: whoever may read it may read webhooks. */
export const noWebhook = 'none';

/** What a job needs to show to be told of. */
export interface Told {
  tenant: string;
  type: string;
  queue: string;
  state: string;
}

/** Whether it is told of anything at all. */
export function isOpen({ createdAt, endedAt, removedAt }: WebhookRecord): boolean {
  return createdAt > 0 && endedAt === undefined && removedAt === undefined;
}

/** Whether it is told of this job. */
export function concerns({ tenant, states, types, queues }: WebhookRecord, job: Told): boolean {
  return (
    job.type !== webhookType &&
    job.tenant === tenant &&
    states.some((state) => state === job.state) &&
    (types?.includes(job.type) ?? true) &&
    (queues?.includes(job.queue) ?? true)
  );
}

/** An address as it may be shown: of many receivers the path is what lets one in. */
export function shownAddress(url: string): string {
  return url.replace(
    /^(https?:\/\/[^/?#]*).*$/s,
    (_, origin: string) => `${origin}/${url.length > origin.length + 1 ? hidden : ''}`,
  );
}
