/**
 * One frame of `yard top`: a picture and the rates since the last one, as lines for a screen of some size. Where it is too
 * low, workers give way to queues and failures to both, and what is left out is counted.
 */

import { durationText } from '../../../cluster/settings.ts';
import type { JobRecord, JobState, QueueView, WorkerView } from '../../../sdk/index.ts';
import { jobStates } from '../../job-words.ts';
import { type Column, columns } from '../columns.ts';
import type { Terminal } from '../terminal.ts';
import { relative, stateStyle } from '../words.ts';
import { gpuText, slotsText, takenText, workerState } from '../worker-words.ts';
import type { Picture, Rates, Settled } from './picture.ts';

export interface FrameOptions {
  terminal: Terminal;
  /** Lines that there are room for. */
  rows: number;
  /** What is wrong with what is shown, such as that it is old. */
  trouble?: string | undefined;
}

const headRows = 4;
const leastRows = 3;

export function frame(picture: Picture, rates: Rates | undefined, options: FrameOptions): readonly string[] {
  const { terminal, rows } = options;
  const { queues, failures } = picture;
  const workers = picture.cluster?.workers ?? [];
  const room = rows - headRows;
  // Each part has a line of titles and one before it.
  const forFailures = Math.min(failures.length, Math.max(0, Math.floor(room / 4) - 2));
  const failuresTake = forFailures === 0 ? 0 : forFailures + 2;
  const forQueues = Math.min(queues.length, Math.max(leastRows, Math.floor((room - failuresTake) / 2) - 2));
  const forWorkers = Math.max(leastRows, room - failuresTake - forQueues - 4);
  return [
    ...head(picture, rates, options),
    '',
    ...table(queues, { shape: queueShape(picture, rates), most: forQueues, terminal }),
    '',
    ...(workers.length === 0
      ? [terminal.style('dim', 'No workers. Start one with `yard worker`.')]
      : table(workers, { shape: workerShape(picture), most: forWorkers, terminal })),
    ...(forFailures === 0
      ? []
      : ['', ...table(failures.slice(0, forFailures), { shape: failureShape(picture), most: forFailures, terminal })]),
  ];
}

function head({ cluster, masters, brokers, now }: Picture, rates: Rates | undefined, options: FrameOptions) {
  const { terminal, trouble } = options;
  const strong = (text: string) => terminal.style('bold', text);
  const leader =
    cluster === undefined
      ? terminal.style('red', 'nobody leads')
      : `${strong(cluster.leader.name)} leads, term ${cluster.leader.term}`;
  const others = masters.filter(({ leads }) => !leads).map(({ name }) => name);
  const standby = others.length === 0 ? '' : `, ${others.join(', ')} ${others.length === 1 ? 'stands' : 'stand'} by`;
  const living = (cluster?.workers ?? []).filter(({ status }) => status !== 'lost' && status !== 'offline');
  const clock = new Date(now).toISOString().slice(11, 19);
  return [
    `${strong('yard top')}  ${terminal.style('dim', `${clock} UTC`)}  ${leader}${standby}${brokersText(brokers)}`,
    jobsText(cluster?.byState ?? {}, terminal),
    `${strong(rate(rates?.all.completed))}/s completed  ${rate(rates?.all.failed)}/s failed  ${takenText(living)}`,
    ...(trouble === undefined ? [] : [terminal.style('red', trouble)]),
  ];
}

function brokersText(brokers: Picture['brokers']): string {
  if (brokers === undefined) return ', brokers do not answer';
  return brokers.all === 1 ? '' : `, ${brokers.current} of ${brokers.all} brokers`;
}

/** Open jobs only: those that have settled are in the table. */
function jobsText(byState: Readonly<Partial<Record<JobState, number>>>, terminal: Terminal): string {
  const counts = jobStates.flatMap((state) => {
    const count = byState[state] ?? 0;
    return count === 0 ? [] : [`${terminal.style(stateStyle(state), String(count))} ${state}`];
  });
  return counts.length === 0 ? 'no open jobs' : counts.join('  ');
}

interface TableOptions<Row> {
  shape: readonly Column<Row>[];
  most: number;
  terminal: Terminal;
}

function table<Row>(rows: readonly Row[], { shape, most, terminal }: TableOptions<Row>): readonly string[] {
  const shown = rows.length > most ? rows.slice(0, most - 1) : rows;
  const left = rows.length - shown.length;
  const more = left === 0 ? [] : [terminal.style('dim', `… and ${left} more`)];
  return [...columns(shown, shape, terminal).split('\n'), ...more];
}

/** Three digits at least where they mean something. */
function rate(perSecond: number | undefined): string {
  if (perSecond === undefined) return '-';
  return perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : String(Math.round(perSecond));
}

function queueShape({ settled }: Picture, rates: Rates | undefined): readonly Column<QueueView>[] {
  const counts = ({ queue }: QueueView): Settled | undefined => settled?.get(queue);
  const rateOf = ({ queue }: QueueView, state: keyof Settled) =>
    rate(rates?.byQueue.get(queue)?.[state] ?? (rates && 0));
  const count = (value: number | undefined) => (settled === undefined ? '-' : String(value ?? 0));
  return [
    { title: 'QUEUE', value: ({ queue }) => queue, style: ({ paused }) => (paused ? 'yellow' : 'reset') },
    { title: 'WAITING', value: ({ waiting }) => String(waiting ?? '-'), align: 'right', style: waitingStyle },
    {
      title: 'OLDEST',
      value: ({ oldestMs }) => (oldestMs === undefined ? '-' : durationText(coarse(oldestMs))),
      align: 'right',
    },
    { title: 'OUT', value: ({ out }) => String(out ?? '-'), align: 'right' },
    { title: 'MAX', value: ({ maxActive }) => String(maxActive ?? '-'), align: 'right' },
    { title: 'DONE/S', value: (queue) => rateOf(queue, 'completed'), align: 'right' },
    { title: 'FAILED/S', value: (queue) => rateOf(queue, 'failed'), align: 'right' },
    { title: 'COMPLETED', value: (queue) => count(counts(queue)?.completed), align: 'right' },
    { title: 'FAILED', value: (queue) => count(counts(queue)?.failed), align: 'right' },
    {
      title: 'STATUS',
      value: ({ paused }) => (paused ? 'paused' : 'open'),
      style: ({ paused }) => (paused ? 'yellow' : 'green'),
    },
  ];
}

function waitingStyle({ waiting = 0 }: QueueView) {
  return waiting > 0 ? ('yellow' as const) : ('reset' as const);
}

/** To the second, but for short spans. */
function coarse(ms: number): number {
  return ms < 1_000 ? ms : Math.round(ms / 1_000) * 1_000;
}

function workerShape({ now }: Picture): readonly Column<WorkerView>[] {
  return [
    { title: 'WORKER', value: ({ name }) => name },
    { title: 'STATUS', value: (worker) => workerState(worker).word, style: (worker) => workerState(worker).style },
    {
      title: 'SLOTS',
      value: ({ used, slots }) => `${bar(slots === 0 ? 0 : used / slots)} ${slotsText({ used, slots })}`,
    },
    { title: 'CPU', value: ({ load }) => `${bar(load.cpuPercent / 100)} ${Math.round(load.cpuPercent)}%` },
    { title: 'MEMORY', value: ({ load }) => `${load.memoryMb}M`, align: 'right' },
    { title: 'GPU', value: (worker) => gpuLoad(worker) },
    { title: 'HEARD', value: ({ heardMsAgo }) => relative(now - heardMsAgo, now) },
    { title: 'TYPES', shrinks: true, value: ({ types }) => [...types].sort().join(',') },
  ];
}

function gpuLoad(worker: WorkerView): string {
  const { gpuPercent } = worker.load;
  return gpuPercent === undefined ? gpuText(worker) : `${bar(gpuPercent / 100)} ${Math.round(gpuPercent)}%`;
}

const barWidth = 8;

function bar(share: number): string {
  const full = Math.min(barWidth, Math.max(share > 0 ? 1 : 0, Math.round(share * barWidth)));
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)}`;
}

function failureShape({ now }: Picture): readonly Column<JobRecord>[] {
  return [
    { title: 'FAILED', value: ({ settledAt, updatedAt }) => relative(settledAt ?? updatedAt, now), style: () => 'red' },
    { title: 'JOB', value: ({ id }) => id },
    { title: 'TYPE', value: ({ type }) => type },
    { title: 'QUEUE', value: ({ queue }) => queue },
    { title: 'ERROR', shrinks: true, value: ({ context: { error } }) => error?.message.replaceAll(/\s+/g, ' ') ?? '-' },
  ];
}
