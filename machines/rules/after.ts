/**
 * What a job waits for: other jobs, all or any of them, and how they shall end. Pure: whoever asks says how each of them stands.
 *
 * A job that waits in a circle would wait for ever; `cyclesOf` finds such circles, and nothing that only might be one: where
 * any of several jobs suffices, one that can still end lets it go.
 */

export const needs = ['all', 'any'] as const;
export type Need = (typeof needs)[number];

export const whens = ['success', 'failure', 'end'] as const;
/** `success`: completed. `failure`: failed. `end`: either of these, or cancelled. */
export type When = (typeof whens)[number];

/** What a job was told to wait for, by ids. */
export interface After {
  jobs: readonly string[];
  need: Need;
  when: When;
}

/** How a job stands that another one waits for. `missing` may still come, `gone` will not any more. */
export type Standing = 'open' | 'missing' | 'completed' | 'failed' | 'cancelled' | 'gone';

/** What follows from how they stand; `left` are those that may still end. */
export type Verdict =
  | { kind: 'waits'; left: readonly string[] }
  | { kind: 'unblocked' }
  | { kind: 'unreachable'; job: string; standing: Standing };

/** Whether a job that stands so has ended as was asked for. */
export function isMet(when: When, standing: Standing): boolean {
  switch (when) {
    case 'success':
      return standing === 'completed';
    case 'failure':
      return standing === 'failed';
    case 'end':
      return standing === 'completed' || standing === 'failed' || standing === 'cancelled';
  }
}

/** Whether a job that stands so has not ended yet. */
export function isAwaited(standing: Standing): boolean {
  return standing === 'open' || standing === 'missing';
}

/** Whether a job may go on that waits for these. */
export function verdictOf({ jobs, need, when }: After, standingOf: (id: string) => Standing): Verdict {
  const left: string[] = [];
  let wrong: { job: string; standing: Standing } | undefined;
  for (const job of jobs) {
    const standing = standingOf(job);
    if (isAwaited(standing)) left.push(job);
    else if (!isMet(when, standing)) wrong ??= { job, standing };
    else if (need === 'any') return { kind: 'unblocked' };
  }
  if (wrong !== undefined && (need === 'all' || left.length === 0)) return { kind: 'unreachable', ...wrong };
  return left.length === 0 ? { kind: 'unblocked' } : { kind: 'waits', left };
}

/** Of each job that waits, what it waits for. */
export type Waiting = ReadonlyMap<string, Pick<After, 'jobs' | 'need'>>;

/** Circles of jobs that wait for one another and can never go on, in the order in which they wait; each job in one at most. */
export function cyclesOf(waiting: Waiting): readonly (readonly string[])[] {
  const stuck = stuckOf(waiting);
  const seen = new Set<string>();
  const cycles: string[][] = [];
  for (const start of stuck) {
    const path: string[] = [];
    let at: string | undefined = start;
    while (at !== undefined && !seen.has(at)) {
      seen.add(at);
      path.push(at);
      at = waiting.get(at)?.jobs.find((job) => stuck.has(job));
    }
    const from = at === undefined ? -1 : path.indexOf(at);
    if (from !== -1) cycles.push(path.slice(from));
  }
  return cycles;
}

/** Jobs that stand in a circle or wait for one that does: whoever does not wait may end, and lets others go. */
function stuckOf(waiting: Waiting): ReadonlySet<string> {
  const stuck = new Set(waiting.keys());
  const left = new Map<string, number>();
  const waiters = new Map<string, string[]>();
  const free: string[] = [];
  for (const [id, { jobs, need }] of waiting) {
    const within = [...new Set(jobs)].filter((job) => waiting.has(job));
    for (const job of within) waiters.set(job, [...(waiters.get(job) ?? []), id]);
    const hasOther = within.length < new Set(jobs).size;
    const count = need === 'any' ? Number(!hasOther && within.length > 0) : within.length;
    left.set(id, count);
    if (count === 0) free.push(id);
  }
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    stuck.delete(id);
    for (const waiter of waiters.get(id) ?? []) {
      const count = (left.get(waiter) ?? 0) - 1;
      left.set(waiter, count);
      if (count === 0) free.push(waiter);
    }
  }
  return stuck;
}
