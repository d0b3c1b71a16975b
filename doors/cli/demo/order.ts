/**
 * Whether jobs were served in the order of their queues and priorities, read from what their records say.
 *
 * A job that was claimed while a more urgent one had been ready for a while was served too early. A while, because an
 * offer may be on its way when the more urgent one becomes ready. And two workers that are free at once get one job
 * each: which of them claims first says nothing, as long as the more urgent one is claimed by the other soon after.
 */

import type { JobRecord } from '../../../sdk/index.ts';

const queues = ['live', 'default', 'batch'];
const priorities = ['critical', 'high', 'medium', 'low'];
const underWayMs = 1_000;

interface Claim {
  at: number;
  worker: string | undefined;
}

/** A sentence for each job that was served before a more urgent one that had been waiting. All could run anywhere. */
export function servedTooEarly(records: readonly JobRecord[]): readonly string[] {
  return records.flatMap((served) =>
    claimsOf(served).flatMap((claim) =>
      records
        .filter((other) => laneOf(other) < laneOf(served) && isPassedOver(other, claim))
        .map((other) => sentence(other, served, waitedMs(other, claim.at))),
    ),
  );
}

/** Where a job stands in line: smaller is more urgent. */
export function laneOf({ queue, priority }: { queue: string; priority: string }): number {
  return queues.indexOf(queue) * priorities.length + priorities.indexOf(priority);
}

function isPassedOver(record: JobRecord, { at, worker }: Claim): boolean {
  if (waitedMs(record, at) <= underWayMs) return false;
  const next = claimsOf(record).find((claim) => claim.at >= at);
  return next === undefined || next.worker === worker || next.at - at > underWayMs;
}

function claimsOf({ transitions, attempts }: JobRecord): Claim[] {
  return transitions
    .filter(({ to }) => to === 'assigned')
    .map(({ at, attempt }) => ({ at, worker: attempts.find((each) => each.attempt === attempt)?.worker }));
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

function sentence(other: JobRecord, served: JobRecord, waited: number): string {
  const told = ({ id, queue, priority }: JobRecord) => `${id} (${queue}, ${priority})`;
  return `Expected ${told(other)} to start before ${told(served)}, it had been waiting for ${waited} ms when that one started.`;
}
