/**
 * The moments of a schedule: those of a cron expression in a time zone, or every so often from an anchor.
 *
 * Pure: what is asked is answered from the plan and the moments handed in. Expressions are read by `croner`, which also
 * knows what daylight saving does to them: a fixed time that falls into the hour that spring leaves out comes at its end,
 * one in the hour that autumn repeats comes once, the first time; whatever has `*` for minutes or hours follows the time
 * that really passes. Moments are epoch ms, and every one is later than the one before.
 */

import { Cron } from 'croner';

/** When a schedule fires. `every` fires at `anchorAt` and each whole number of `everyMs` after it. */
export type Plan = { kind: 'cron'; cron: string; zone: string } | { kind: 'every'; everyMs: number; anchorAt: number };

const leastEveryMs = 1_000;

/** What is wrong with a plan, as a sentence: what was expected, what was met, what to do. `undefined`: nothing. */
export function flawOf(plan: Plan): string | undefined {
  if (plan.kind === 'every') return flawOfInterval(plan);
  if (!isZone(plan.zone))
    return `Expected the name of a time zone, got \`${plan.zone}\`. Write, for example, \`Europe/Berlin\` or \`UTC\`.`;
  const wrong = whyUnreadable(plan);
  if (wrong !== undefined)
    return `Expected a cron expression of 5 fields (minute, hour, day, month, weekday), or 6 with seconds before them, got \`${plan.cron}\` (${wrong}). Write, for example, \`*/5 * * * *\`.`;
  if (nextAfter(plan, 0) === undefined)
    return `Expected a cron expression that some day fits, got \`${plan.cron}\`, which none does. Correct its day or month.`;
  return undefined;
}

function flawOfInterval({ everyMs, anchorAt }: Extract<Plan, { kind: 'every' }>): string | undefined {
  if (Number.isSafeInteger(everyMs) && everyMs >= leastEveryMs && Number.isSafeInteger(anchorAt)) return undefined;
  return `Expected an interval of whole milliseconds and at least 1s, got ${everyMs} ms. Write, for example, \`30s\`.`;
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** The reader's own words, without its name in front. */
function whyUnreadable(plan: Extract<Plan, { kind: 'cron' }>): string | undefined {
  try {
    read(plan);
    return undefined;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    return message.replace(/^Cron\w+: /, '').replace(/\.$/, '');
  }
}

/** A reader that waits for nothing: it has no function to call, and is asked from a given moment. */
function read({ cron, zone }: Extract<Plan, { kind: 'cron' }>): Cron {
  return new Cron(cron, { timezone: zone, mode: '5-or-6-parts', paused: true });
}

/**
 * The first moment after `after`; `undefined` where there is none.
 *
 * @example nextAfter({ kind: 'every', everyMs: 1_000, anchorAt: 500 }, 2_000) // 2500
 */
export function nextAfter(plan: Plan, after: number): number | undefined {
  if (plan.kind === 'cron') return read(plan).nextRun(new Date(after))?.getTime();
  const { everyMs, anchorAt } = plan;
  return Math.max(anchorAt, anchorAt + (Math.floor((after - anchorAt) / everyMs) + 1) * everyMs);
}

/** The moments after `from` and up to `to`, the earliest first, and no more than `atMost`. */
export function momentsBetween(
  plan: Plan,
  { from, to, atMost }: { from: number; to: number; atMost: number },
): readonly number[] {
  const moments: number[] = [];
  for (
    let next = nextAfter(plan, from);
    next !== undefined && next <= to && moments.length < atMost;
    next = nextAfter(plan, next)
  )
    moments.push(next);
  return moments;
}

/**
 * The last moment after `from` and up to `to`; `undefined` where there is none between them. Found by halving the time
 * between, so that a schedule that missed a month of seconds costs no more than two dozen looks.
 */
export function lastBetween(plan: Plan, { from, to }: { from: number; to: number }): number | undefined {
  let found = nextAfter(plan, from);
  if (found === undefined || found > to) return undefined;
  for (let [low, high] = [found, to]; low < high; ) {
    const middle = Math.ceil((low + high) / 2);
    const next = nextAfter(plan, middle - 1);
    if (next === undefined || next > to) high = middle - 1;
    else {
      found = next;
      low = next;
    }
  }
  return found;
}
