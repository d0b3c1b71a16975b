/**
 * Whether jobs were served in the order of their queues and priorities, read from what their records say.
 *
 * A job that was claimed while a more urgent one had been ready for a while was served too early. A while, because
 * an offer is under way when the more urgent one becomes ready.
 */

import type { JobRecord } from '../../../sdk/index.ts';

const queues = ['live', 'default', 'batch'];
const priorities = ['critical', 'high', 'medium', 'low'];
const underWayMs = 1_000;

/** A sentence for each job that was served before a more urgent one that had been waiting. All could run anywhere. */
export function servedTooEarly(records: readonly JobRecord[]): readonly string[] {
  return records.flatMap((served) =>
    claimsOf(served).flatMap((at) =>
      records
        .filter((other) => laneOf(other) < laneOf(served) && waitedMs(other, at) > underWayMs)
        .map(
          (other) =>
            `Expected ${other.id} (${other.queue}, ${other.priority}) to start before ${served.id} (${served.queue}, ${served.priority}), it had been waiting for ${waitedMs(other, at)} ms when that one started.`,
        ),
    ),
  );
}

/** Where a job stands in line: smaller is more urgent. */
export function laneOf({ queue, priority }: { queue: string; priority: string }): number {
  return queues.indexOf(queue) * priorities.length + priorities.indexOf(priority);
}

function claimsOf({ transitions }: JobRecord): number[] {
  return transitions.filter(({ to }) => to === 'assigned').map(({ at }) => at);
}

/** How long the job had been ready at a moment; 0 where it was not ready then. */
function waitedMs({ transitions }: JobRecord, moment: number): number {
  let readySince: number | undefined;
  for (const { at, to } of transitions) {
    if (at > moment) break;
    const isReady = to === 'pending' || to === 'queued';
    readySince = isReady ? (readySince ?? at) : undefined;
  }
  return readySince === undefined ? 0 : moment - readySince;
}
