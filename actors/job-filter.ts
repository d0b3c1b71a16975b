/**
 * Whether a job passes a filter: what a head can tell, and what it takes the whole record for.
 */

import type { JobFilter } from '../runtime/bulk.ts';
import type { Head } from '../runtime/ports.ts';
import type { JobRecord } from '../runtime/record.ts';
import { groupOf } from './dead-group.ts';

type Told = Pick<Head, 'state' | 'queue' | 'type' | 'priority'>;

/** Whether it may pass, as far as its head tells. */
export function headPasses(job: Told, filter: JobFilter): boolean {
  const { state, queue = job.queue, type = job.type, priority = job.priority } = filter;
  const states = state === undefined ? [job.state] : [state].flat();
  return states.includes(job.state) && job.queue === queue && job.type === type && job.priority === priority;
}

/** Whether the filter asks for what only the record tells. */
export function asksForBody({ tag, group }: JobFilter): boolean {
  return tag !== undefined || group !== undefined;
}

export function recordPasses(record: JobRecord, filter: JobFilter): boolean {
  const { tag, group } = filter;
  if (!headPasses(record, filter)) return false;
  if (tag !== undefined && record.tags?.includes(tag) !== true) return false;
  return group === undefined || (record.state === 'failed' && groupOf(record) === group);
}
