/**
 * The order in which waiting jobs are served: queue first, then priority, then first in, first out.
 *
 * Knows names and ranks only. What a lane holds is the board's affair (`actors/board.ts`).
 */

/** The four priorities, best first. */
export const priorities = ['critical', 'high', 'medium', 'low'] as const;
export type Priority = (typeof priorities)[number];

/** Queues of a fresh cluster, served in this order. */
export const defaultQueues: readonly string[] = ['live', 'default', 'batch'];

const spoken: ReadonlyMap<string, Priority> = new Map([
  ['default', 'medium'],
  ['normal', 'medium'],
]);

/** The priority that `text` means (`default` and `normal` read as medium), or `undefined`. */
export function parsePriority(text: string): Priority | undefined {
  const lower = text.toLowerCase();
  return priorities.find((priority) => priority === lower) ?? spoken.get(lower);
}

/**
 * The rank of a lane: a smaller number is served first. Queues that are not listed come after all listed ones.
 */
export function laneRank(queues: readonly string[], queue: string, priority: Priority): number {
  const at = queues.indexOf(queue);
  const queueRank = at === -1 ? queues.length : at;
  return queueRank * priorities.length + priorities.indexOf(priority);
}
