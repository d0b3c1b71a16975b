/**
 * How a schedule is shown: in a line of a table, on a page of its own, and what became of its moments.
 */

import { redacted } from '../../cluster/redacted.ts';
import { durationText } from '../../cluster/settings.ts';
import type { Firing, ScheduleRecord, ScheduleState } from '../../sdk/index.ts';
import { type Column, columns, facts } from './columns.ts';
import type { Style, Terminal } from './terminal.ts';
import { moment, relative } from './words.ts';

const styles: Readonly<Record<ScheduleState, Style>> = {
  active: 'green',
  paused: 'yellow',
  ended: 'dim',
  deleted: 'dim',
};

const outcomeStyles: Readonly<Record<Firing['outcome'], Style>> = {
  fired: 'green',
  skipped: 'yellow',
  missed: 'magenta',
  refused: 'red',
};

/** `by 0 2 * * * in Europe/Berlin`, or `every 30s`. */
export function whenText(plan: ScheduleRecord['plan']): string {
  return plan.kind === 'cron' ? `by ${plan.cron} in ${plan.zone}` : `every ${durationText(plan.everyMs)}`;
}

export function scheduleShape(now: number): readonly Column<ScheduleRecord>[] {
  return [
    { title: 'NAME', value: ({ name }) => name },
    { title: 'STATE', value: ({ state }) => state, style: ({ state }) => styles[state] },
    { title: 'FIRES', value: ({ plan }) => whenText(plan) },
    { title: 'NEXT', value: ({ context }) => (context.nextAt === undefined ? '-' : relative(context.nextAt, now)) },
    { title: 'TYPE', value: ({ job }) => job.type },
    { title: 'FIRED', value: ({ counts }) => String(counts.fired), align: 'right' },
    { title: 'SKIPPED', value: ({ counts }) => String(counts.skipped), align: 'right' },
    { title: 'MISSED', value: ({ counts }) => String(counts.missed), align: 'right' },
    { title: 'REFUSED', value: ({ counts }) => String(counts.refused), align: 'right' },
  ];
}

export function firingShape(now: number): readonly Column<Firing>[] {
  return [
    { title: 'N', value: ({ n }) => String(n), align: 'right' },
    { title: 'MOMENT', value: ({ at }) => new Date(at).toISOString() },
    { title: 'OUTCOME', value: outcomeText, style: ({ outcome }) => outcomeStyles[outcome] },
    { title: 'DECIDED', value: ({ decidedAt }) => relative(decidedAt, now) },
    { title: 'JOB', value: ({ job = '-' }) => job },
    { title: 'WHY', shrinks: true, value: ({ byHand, why }) => why ?? (byHand === true ? 'run by hand' : '-') },
  ];
}

/** Moments to come, as the clock there shows them too: that is what a cron expression means. */
export function momentShape({
  zone = 'UTC',
  now,
}: {
  zone?: string | undefined;
  now: number;
}): readonly Column<number>[] {
  const there = new Intl.DateTimeFormat('sv-SE', {
    ...{ timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'shortOffset' },
  });
  const weekday = new Intl.DateTimeFormat('en', { timeZone: zone, weekday: 'short' });
  const local = { title: `IN ${zone}`, value: (at: number) => `${weekday.format(at)} ${there.format(at)}` };
  return [
    { title: 'MOMENT', value: (at) => new Date(at).toISOString() },
    ...(zone === 'UTC' ? [] : [local]),
    { title: 'FROM NOW', value: (at) => relative(at, now).replace(/^in /, '') },
  ];
}

function outcomeText({ outcome, count }: Firing): string {
  return count === undefined ? outcome : `${outcome} ×${count}`;
}

const firingsShown = 10;

/** All there is to know of a schedule. */
export function describeSchedule(
  schedule: ScheduleRecord,
  { now, terminal }: { now: number; terminal: Terminal },
): string {
  const { name, state, plan, context, misfire, windowMs, overlap, until, job, firings, createdAt } = schedule;
  const said = Object.entries(job.options).map(([option, value]) => `${option}=${String(value)}`);
  const page = facts(
    [
      ['schedule', name],
      ['state', terminal.style(styles[state], state)],
      ['fires', whenText(plan)],
      [
        'next',
        context.nextAt === undefined ? undefined : `${moment(context.nextAt)} (${relative(context.nextAt, now)})`,
      ],
      ['until', until === undefined ? undefined : moment(until)],
      ['misfire', `${misfire}, within ${durationText(windowMs)}`],
      ['overlap', overlap],
      ['type', job.type],
      ['payload', JSON.stringify(redacted(job).payload)],
      ['options', said.length === 0 ? undefined : said.join(' ')],
      ['last job', context.lastJob],
      ['created', moment(createdAt)],
    ],
    terminal,
  );
  if (firings.length === 0) return page;
  return `${page}\n\n${columns(firings.slice(-firingsShown).toReversed(), firingShape(now), terminal)}`;
}
