/**
 * A job's state as a word with its colour.
 */

export const stateNames = [
  ...['scheduled', 'blocked', 'held', 'pending', 'queued', 'retrying'],
  ...['assigned', 'processing', 'cancelling', 'completed', 'cancelled', 'failed'],
] as const;

export function StateBadge({ state }: { state: string }) {
  return <span class={`badge state-${state}`}>{state}</span>;
}
