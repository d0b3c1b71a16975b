/**
 * `yard status`: the cluster on one screen. Who leads, how many jobs are in which state, what each priority and queue
 * holds, how the workers are, and which schedule fires next.
 */

import type { Command } from 'commander';
import type { BrokersView, Census, ClusterView, JobState, MasterView, ScheduleRecord, Yard } from '../../sdk/index.ts';
import { jobStates, priorities } from '../job-words.ts';
import { isJson } from './answer.ts';
import { type Column, columns, facts } from './columns.ts';
import type { CommandContext } from './command.ts';
import { exitCodes } from './exit.ts';
import { interruptSignal } from './interrupt.ts';
import type { Terminal } from './terminal.ts';
import { relative, stateStyle } from './words.ts';
import { takenText, workerStyle } from './worker-words.ts';

const everyMs = 1_000;

export function register(program: Command, context: CommandContext): void {
  program
    .command('status')
    .summary('Shows the cluster on one screen.')
    .description(
      'Shows who leads, jobs by state, priority and queue, workers by status, and what recurs; exits with 5 where nobody leads.',
    )
    .option('-w, --watch', 'Shows it anew every second.')
    .action((options: { watch?: boolean }, command: Command) =>
      options.watch === true ? watch(command, context) : once(command, context),
    );
}

async function once(command: Command, context: CommandContext): Promise<void> {
  const picture = await context.withYard(command, look);
  const { queues } = context.settings(command, 'client');
  context.terminal.print(textOf(picture, queues, context));
  if (picture.cluster !== undefined) return;
  context.terminal.say('No master leads. Start one with `yard master`, or wait for it.');
  context.exitWith(exitCodes.unreachable);
}

/** On a terminal each picture replaces the last; JSON is one object a line. A large census is taken less often. */
async function watch(command: Command, context: CommandContext): Promise<void> {
  const { rest } = await import('../../cluster/pace.ts');
  const signal = interruptSignal();
  const { queues } = context.settings(command, 'client');
  await context.withYard(command, async (yard) => {
    while (!signal.aborted) {
      const startedAt = yard.now();
      show(await look(yard), queues, context);
      await rest(Math.max(everyMs, 10 * (yard.now() - startedAt)), signal);
    }
  });
}

/** `-o name` is who leads. */
function textOf(picture: Picture, queues: readonly string[], { terminal, output }: CommandContext): string {
  if (output === 'name') return picture.cluster?.leader.name ?? '';
  return isJson(output) ? asJson(picture, output === 'json' ? 2 : undefined) : screen(picture, queues, terminal);
}

function show(picture: Picture, queues: readonly string[], { terminal, output }: CommandContext): void {
  if (isJson(output)) terminal.print(asJson(picture));
  else terminal.print(`${terminal.isInteractive ? clearScreen : ''}${screen(picture, queues, terminal)}\n`);
}

const clearScreen = '\u001B[2J\u001B[H';

/** The cluster as its leader sees it, and all jobs as the store has them. */
interface Picture {
  cluster: ClusterView | undefined;
  masters: readonly MasterView[];
  census: Census;
  brokers: BrokersView;
  schedules: readonly ScheduleRecord[];
  /** When it was taken, epoch ms. */
  now: number;
}

async function look(yard: Yard): Promise<Picture> {
  const asked = [yard.cluster(), yard.masters(), yard.census(), yard.brokers(), yard.schedules.list()] as const;
  const [cluster, masters, census, brokers, schedules] = await Promise.all(asked);
  return { cluster, masters, census, brokers, schedules, now: yard.now() };
}

function asJson({ cluster, masters, census, brokers, schedules }: Picture, indent?: number): string {
  const { leader = null, at = null, workers = [], unserved = {}, leftToNewer = 0, durability = null } = cluster ?? {};
  const workersByStatus = byStatus(cluster);
  const next = nextOf(schedules);
  const picture = {
    leader,
    at,
    masters,
    brokers,
    durability,
    jobs: census,
    workersByStatus,
    workers,
    schedules: {
      byState: countBy(schedules, ({ state }) => state),
      ...(next === undefined ? {} : { next: next.name, nextAt: next.at }),
    },
    unserved,
    leftToNewer,
  };
  return JSON.stringify(picture, undefined, indent);
}

function byStatus(cluster: ClusterView | undefined): Readonly<Record<string, number>> {
  return countBy(cluster?.workers ?? [], ({ status }) => status);
}

function countBy<What>(all: readonly What[], nameOf: (one: What) => string): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const one of all) counts[nameOf(one)] = (counts[nameOf(one)] ?? 0) + 1;
  return counts;
}

/** The schedule that fires next, and when. */
function nextOf(schedules: readonly ScheduleRecord[]): { name: string; at: number } | undefined {
  const coming = schedules.flatMap(({ name, context: { nextAt: at } }) => (at === undefined ? [] : [{ name, at }]));
  return coming.sort((one, other) => one.at - other.at)[0];
}

function screen(picture: Picture, queues: readonly string[], terminal: Terminal): string {
  const { cluster, masters, census, brokers } = picture;
  const leader = cluster === undefined ? 'none' : `${cluster.leader.name}, term ${cluster.leader.term}`;
  const head = facts(
    [
      ['leader', leader],
      ['standing by', standingBy(masters)],
      ['brokers', brokersText(brokers, terminal)],
      ['durability', cluster?.durability],
      ['jobs', `${census.total}, ${openJobs(census)} of them not settled`],
      ['workers', workersText(cluster, terminal)],
      ['schedules', schedulesText(picture)],
    ],
    terminal,
  );
  const byState = columns(stateRows(census), stateShape, terminal);
  const byPriority = columns(laneRows(census.byPriority, priorities), laneShape('PRIORITY'), terminal);
  const byQueue = columns(laneRows(census.byQueue, queues), laneShape('QUEUE'), terminal);
  const notes = [...notesOn(cluster), ...storeNotes(brokers)].map((note) => terminal.style('yellow', note));
  return [head, ...(notes.length === 0 ? [] : [notes.join('\n')]), byState, byPriority, byQueue].join('\n\n');
}

/** One alone has answered, or there would be no screen. */
function brokersText({ all, current }: BrokersView, terminal: Terminal): string | undefined {
  if (all === 1) return undefined;
  const text = `${current} of ${all} have all jobs`;
  return current === all ? text : terminal.style('yellow', text);
}

function standingBy(masters: readonly MasterView[]): string {
  const names = masters.filter(({ leads }) => !leads).map(({ name }) => name);
  return names.length === 0 ? 'none' : names.join(', ');
}

function workersText(cluster: ClusterView | undefined, terminal: Terminal): string {
  if (cluster === undefined) return 'unknown';
  const { workers } = cluster;
  const statuses = [...new Set(workers.map(({ status }) => status))].sort();
  const counts = byStatus(cluster);
  const parts = statuses.map((status) => terminal.style(workerStyle(status), `${counts[status] ?? 0} ${status}`));
  return parts.length === 0 ? 'none' : `${parts.join(', ')}; ${takenText(workers)}`;
}

function schedulesText({ schedules, now }: Picture): string | undefined {
  if (schedules.length === 0) return undefined;
  const states = Object.entries(countBy(schedules, ({ state }) => state)).sort();
  const next = nextOf(schedules);
  const coming = next === undefined ? '' : `; next ${next.name} ${relative(next.at, now)}`;
  return `${states.map(([state, count]) => `${count} ${state}`).join(', ')}${coming}`;
}

/** What an operator should look into. */
function notesOn(cluster: ClusterView | undefined): readonly string[] {
  const { unserved = {}, leftToNewer = 0, paused = {} } = cluster ?? {};
  const notes = Object.entries(unserved).map(
    ([type, count]) =>
      `${count} ${count === 1 ? 'job' : 'jobs'} of type ${type} ${count === 1 ? 'waits' : 'wait'}, and no worker serves it`,
  );
  if (leftToNewer > 0) notes.push(`${leftToNewer} that a newer version wrote: upgrade the masters`);
  for (const [queue, count] of Object.entries(paused))
    notes.push(`queue ${queue} is paused, and ${count} of its jobs wait for that`);
  return notes;
}

const mebibyte = 1_048_576;

function storeNotes({ store }: BrokersView): readonly string[] {
  if (store === undefined || store.bytes < 0.8 * store.most) return [];
  const percent = Math.round((100 * store.bytes) / store.most);
  const limit = `${Math.round(store.most / mebibyte)} MiB`;
  const what = store.by === 'disk' ? `that the broker's disk allows: make room there` : 'of its bound';
  return [`the store of jobs is ${percent} % full of the ${limit} ${what}; new jobs are refused at 90 %`];
}

type Counts = Census['byState'];

const waiting: readonly JobState[] = ['scheduled', 'blocked', 'held', 'pending', 'queued', 'retrying'];
const active: readonly JobState[] = ['assigned', 'processing', 'cancelling'];

function sum(counts: Counts, states: readonly JobState[]): number {
  return states.reduce((total, state) => total + (counts[state] ?? 0), 0);
}

function openJobs({ byState }: Census): number {
  return sum(byState, [...waiting, ...active]);
}

interface StateRow {
  state: JobState;
  count: number;
}

function stateRows({ byState }: Census): readonly StateRow[] {
  const always: readonly JobState[] = ['pending', 'queued', 'processing', 'completed', 'failed'];
  return jobStates
    .map((state) => ({ state, count: byState[state] ?? 0 }))
    .filter(({ state, count }) => count > 0 || always.includes(state));
}

const stateShape: readonly Column<StateRow>[] = [
  { title: 'STATE', value: ({ state }) => state, style: ({ state }) => stateStyle(state) },
  { title: 'JOBS', value: ({ count }) => String(count), align: 'right' },
];

interface LaneRow {
  name: string;
  counts: Counts;
}

/** The known names in their order, then all others by name. */
function laneRows(lanes: Readonly<Record<string, Counts>>, known: readonly string[]): readonly LaneRow[] {
  const others = Object.keys(lanes).filter((name) => !known.includes(name));
  return [...known, ...others.sort()].map((name) => ({ name, counts: lanes[name] ?? {} }));
}

function laneShape(title: string): readonly Column<LaneRow>[] {
  const number = (of: readonly JobState[]) => (row: LaneRow) => String(sum(row.counts, of));
  return [
    { title, value: ({ name }) => name },
    { title: 'WAITING', value: number(waiting), align: 'right' },
    { title: 'ACTIVE', value: number(active), align: 'right' },
    { title: 'COMPLETED', value: number(['completed']), align: 'right' },
    { title: 'FAILED', value: number(['failed']), align: 'right' },
    { title: 'CANCELLED', value: number(['cancelled']), align: 'right' },
  ];
}
