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

/** Where a job of this priority stands after it has risen by so many steps: never above `high`, and never down. */
export function raised(priority: Priority, steps: number): Priority {
  if (priority === 'medium' && steps > 0) return 'high';
  if (priority === 'low' && steps > 0) return steps > 1 ? 'high' : 'medium';
  return priority;
}
