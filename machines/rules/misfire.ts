/**
 * What becomes of the moments of a schedule that have come: which are fired, which were missed, and which is next.
 *
 * A moment is missed where nobody could fire it when it came, such as while no master led. Pure: the same plan, policy
 * and moments give the same verdict, so whoever leads decides as the former leader would have.
 */

import { lastBetween, momentsBetween, nextAfter, type Plan } from './cron.ts';

export const misfires = ['skip', 'once', 'all'] as const;

/** What to do about missed moments: nothing, one firing for all of them, or one for each. */
export type Misfire = (typeof misfires)[number];

export interface MisfirePolicy {
  misfire: Misfire;
  /** What was missed longer ago than this is not made up for, ms. */
  windowMs: number;
  /** No moment after this one is meant. */
  until?: number;
}

/** Moments that are not fired, from the first to the last of them, and why. */
export interface Missed {
  from: number;
  to: number;
  /** How many; above a hundred of a cron expression nobody counts. */
  count: number;
  why: string;
}

export interface Verdict {
  /** The moments to fire, the earliest first. */
  fire: readonly number[];
  missed: readonly Missed[];
  /** The first moment that is not decided; absent where none will come. */
  nextAt?: number;
}

/** A firing that comes no later than this counts as on time: another leader may have to be found first. */
export const punctualMs = 15_000;
const countedAtMost = 100;

/**
 * Decides the moments from `nextAt` up to `now`, of which none has been decided.
 *
 * @param now broker time, epoch ms.
 * @param atMost how many may be fired at once; what is left is decided next time.
 */
export function decideMoments(
  plan: Plan,
  policy: MisfirePolicy,
  { nextAt, now, atMost }: { nextAt: number; now: number; atMost: number },
): Verdict {
  const end = Math.min(now, policy.until ?? now);
  const opensAt = now - Math.max(policy.windowMs, punctualMs);
  const first = nextAt >= opensAt ? nextAt : nextAfter(plan, opensAt - 1);
  const old = first === nextAt ? [] : missed(plan, nextAt, Math.min(end, opensAt - 1), 'it was missed too long ago');
  if (first === undefined || first > end) return { fire: [], missed: old, ...nextIn(policy, first) };
  if (policy.misfire === 'all') {
    const fire = momentsBetween(plan, { from: first - 1, to: end, atMost });
    return { fire, missed: old, ...nextIn(policy, nextAfter(plan, fire.at(-1) ?? now)) };
  }
  const newest = lastBetween(plan, { from: first - 1, to: end }) ?? first;
  const isFired = policy.misfire === 'once' || now - newest <= punctualMs;
  const why = policy.misfire === 'once' ? 'one firing makes up for all that were missed' : 'what is missed is skipped';
  const late = missed(plan, first, isFired ? newest - 1 : newest, why);
  return { fire: isFired ? [newest] : [], missed: [...old, ...late], ...nextIn(policy, nextAfter(plan, newest)) };
}

function nextIn({ until = Number.POSITIVE_INFINITY }: MisfirePolicy, next: number | undefined): { nextAt?: number } {
  return next === undefined || next > until ? {} : { nextAt: next };
}

function missed(plan: Plan, from: number, upTo: number, why: string): Missed[] {
  const to = lastBetween(plan, { from: from - 1, to: upTo });
  if (to === undefined) return [];
  return [{ from, to, count: countOf(plan, from, to), why }];
}

function countOf(plan: Plan, from: number, to: number): number {
  if (plan.kind === 'every') return Math.floor((to - from) / plan.everyMs) + 1;
  return momentsBetween(plan, { from: from - 1, to, atMost: countedAtMost }).length;
}
