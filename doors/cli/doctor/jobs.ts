/**
 * Checks of the jobs: those that wait for what nobody has or for what is held back, those that are stuck, and what failed or
 * was refused of late.
 */

import { needsText } from '../../../cluster/needs-text.ts';
import { durationText } from '../../../cluster/settings.ts';
import type { Demand, JobRecord, LimitView, QueueView, ScheduleRecord } from '../../../sdk/index.ts';
import { about, type Check, counted, fail, named, ok, skip, type Verdict, warn } from './check.ts';
import { type Findings, failuresAtMost, hourMs } from './findings.ts';

export const jobChecks: readonly Check[] = [
  {
    area: 'jobs',
    name: 'unserved-types',
    expected: 'a worker for each type of job that waits',
    judge: ({ cluster }) =>
      about(cluster, (view) => (view === undefined ? skip('nobody leads') : unserved(view.unserved ?? {}))),
  },
  {
    area: 'jobs',
    name: 'requirements',
    expected: 'a worker that has what each waiting job asks for',
    judge: requirements,
  },
  {
    area: 'jobs',
    name: 'paused-queues',
    expected: 'no jobs that wait in a paused queue',
    judge: ({ queues }) => about(queues, paused),
  },
  {
    area: 'jobs',
    name: 'limits',
    expected: 'no jobs that wait for a limit that is full',
    judge: ({ queues, limits }) => about(queues, (all) => full(all, limits.isKnown ? limits.value : [])),
  },
  {
    area: 'jobs',
    name: 'stuck-jobs',
    expected: 'a sign of life within `--stale-after` from each job that runs, and a worker that holds it',
    judge: stuck,
  },
  {
    area: 'jobs',
    name: 'dead-letter',
    expected: 'no job to have failed for good within the last hour',
    judge: ({ failures }) => about(failures, dead),
  },
  {
    area: 'jobs',
    name: 'rejected',
    expected: 'no submission to have been refused within the last hour',
    judge: rejected,
  },
  {
    area: 'jobs',
    name: 'schedules',
    expected: 'schedules that fire at their moments, and whose jobs can be made',
    judge: ({ schedules, now }) => about(schedules, (all) => recurring(all, now)),
  },
  {
    area: 'jobs',
    name: 'webhooks',
    expected: 'receivers that take what they are told',
    judge: webhooks,
  },
];

function unserved(types: Readonly<Record<string, number>>): Verdict {
  const names = Object.keys(types).sort();
  if (names.length === 0) return ok('each is served');
  const words = names.map((type) => `${type} (${counted(types[type] ?? 0, 'job')})`);
  return fail(
    `nobody serves ${named(words)}`,
    `yard worker --types ${names.join(',')}, with \`--handlers FILE\` for types of your own`,
  );
}

/** Types that nobody serves have a check of their own. */
function requirements({ advice, cluster }: Findings): Verdict {
  return about(advice, ({ demands }) => {
    const served = new Set(cluster.isKnown ? cluster.value?.workers.flatMap(({ types }) => types) : []);
    const lacking = demands.filter(({ type, waiting, workers }) => waiting > 0 && workers === 0 && served.has(type));
    if (lacking.length === 0) return ok('each is had');
    const words = lacking.map(lackText);
    return fail(
      named(words),
      'start a worker that has it (`yard worker --advertise …`), or `yard job why ID`, and cancel what nobody will run',
    );
  });
}

function lackText({ type, requirements: needs, waiting }: Demand): string {
  return `${counted(waiting, 'job')} of type ${type} ${waiting === 1 ? 'asks' : 'ask'} for ${needsText(needs)}`;
}

function paused(queues: readonly QueueView[]): Verdict {
  const all = queues.filter((queue) => queue.paused);
  if (all.length === 0) return ok('no queue is paused');
  const words = named(all.map(({ queue, waiting = 0 }) => `${queue} (${counted(waiting, 'job waits', 'jobs wait')})`));
  const cure = `yard queue resume ${all[0]?.queue}`;
  return warn(`paused: ${words}`, cure);
}

function full(queues: readonly QueueView[], limits: readonly LimitView[]): Verdict {
  const queuesFull = queues.filter(
    ({ maxActive, out = 0, waiting = 0 }) => maxActive !== undefined && out >= maxActive && waiting > 0,
  );
  const keysFull = limits.flatMap(({ limit, maxActive, out = {} }) =>
    Object.entries(out).flatMap(([key, count]) =>
      maxActive !== undefined && count >= maxActive ? [{ limit, key, count }] : [],
    ),
  );
  const [queue] = queuesFull;
  if (queue === undefined && keysFull.length === 0) return ok('none is full');
  const words = [
    ...queuesFull.map(({ queue: name, out = 0, waiting = 0 }) => `queue ${name} has ${out} out, and ${waiting} wait`),
    ...keysFull.map(({ key, count }) => `limit key ${key} has ${count} out`),
  ];
  const set =
    queue === undefined
      ? `yard limit set ${keysFull[0]?.limit} --max-active N`
      : `yard queue set ${queue.queue} --max-active N`;
  return warn(named(words), `${set}, where more may run at once`);
}

/** The leader gives up those without a sign of life by itself; until then a person may look. */
function stuck({ active, cluster, options, now }: Findings): Verdict {
  return about(active, (jobs) => {
    if (!options.isKnown) return skip(options.why);
    const { staleAfter } = options.value;
    const silent = jobs.filter((job) => now - lastSignOf(job) > staleAfter);
    const workers = new Set(cluster.isKnown ? cluster.value?.workers.map(({ incarnation }) => incarnation) : []);
    const orphaned =
      cluster.isKnown && cluster.value !== undefined ? jobs.filter((job) => isOrphan(job, workers, now)) : [];
    const wrong = [...new Set([...silent, ...orphaned])];
    const [first] = wrong;
    if (first === undefined) return ok(jobs.length === 0 ? 'none runs' : 'each gives one');
    const words = named(
      wrong.map(({ id, state, updatedAt }) => `${id} is ${state} for ${durationText(now - updatedAt)}`),
    );
    return fail(
      words,
      `yard job logs ${first.id}; the leader takes it back by itself, or \`yard job cancel ${first.id}\``,
    );
  });
}

function lastSignOf({ progress, startedAt, updatedAt }: JobRecord): number {
  return Math.max(progress?.at ?? 0, startedAt ?? 0, updatedAt);
}

/** Longer than it takes a leader to take it back. */
const takenBackWithinMs = 60_000;

function isOrphan({ context: { worker }, updatedAt }: JobRecord, workers: ReadonlySet<string>, now: number): boolean {
  return worker !== undefined && !workers.has(worker) && now - updatedAt > takenBackWithinMs;
}

function dead(failures: readonly JobRecord[]): Verdict {
  if (failures.length === 0) return ok('none has');
  const more = failures.length >= failuresAtMost ? ' or more' : '';
  const types = [...new Set(failures.map(({ type }) => type))].sort();
  return warn(
    `${counted(failures.length, 'job')}${more} of ${named(types)}`,
    'yard dead groups tells what went wrong; once it is mended, `yard dead redrive`',
  );
}

function rejected({ rejected: all, now }: Findings): Verdict {
  return about(all, (known) => {
    const recent = known.filter(({ at }) => now - at < hourMs);
    const last = recent.at(-1);
    if (last === undefined) return ok('none was');
    return warn(
      `${counted(recent.length, 'submission')}, the last one on ${last.subject}: ${last.reason}`,
      'yard rejected list tells each; correct what submits, and submit it again',
    );
  });
}

const lateByMs = 30_000;

function recurring(schedules: readonly ScheduleRecord[], now: number): Verdict {
  if (schedules.length === 0) return ok('there is none');
  const refused = schedules.find(({ state, firings }) => state !== 'ended' && firings.at(-1)?.outcome === 'refused');
  if (refused !== undefined)
    return fail(
      `${refused.name} could not make its job: ${refused.firings.at(-1)?.why ?? 'refused'}`,
      `yard schedule edit ${refused.name}; see \`yard schedule history ${refused.name}\``,
    );
  const late = schedules.filter(({ context: { nextAt } }) => nextAt !== undefined && now - nextAt > lateByMs);
  if (late.length > 0)
    return fail(
      `due and not fired: ${named(late.map(({ name }) => name))}`,
      'see the check `leader`: without one nothing fires',
    );
  const paused = schedules.filter(({ state }) => state === 'paused').length;
  return ok(`${counted(schedules.length, 'schedule')}${paused === 0 ? '' : `, ${paused} paused`}`);
}

function webhooks({ webhooks: known, failures }: Findings): Verdict {
  return about(known, (all) => {
    if (all.length === 0) return ok('there is none');
    const [ended] = all.filter(({ endedAt }) => endedAt !== undefined);
    if (ended !== undefined)
      return warn(
        `${ended.webhook} wanted no more (410): ${ended.url}`,
        `yard webhook remove ${ended.webhook}, or add it anew`,
      );
    const lost = failures.isKnown ? failures.value.filter(({ type }) => type === 'webhook') : [];
    if (lost.length === 0) return ok(counted(all.length, 'webhook'));
    return warn(
      `${counted(lost.length, 'delivery was', 'deliveries were')} given up: ${lost[0]?.context.error?.message ?? ''}`,
      'yard webhook test ID; once the receiver answers, `yard dead redrive --type webhook`',
    );
  });
}
