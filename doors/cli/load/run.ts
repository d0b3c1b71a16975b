/**
 * Submits a load, waits for its end, and shows what became of it.
 *
 * Who waits listens to what is told live, which may be lost, and asks for the rest whenever nothing has come for a
 * while: so it neither misses an end nor keeps the broker busy with questions.
 */

import { rest } from '../../../cluster/pace.ts';
import { durationText } from '../../../cluster/settings.ts';
import { Fault, type JobRecord, type Yard } from '../../../sdk/index.ts';
import { idIn, isSettled } from '../../job-words.ts';
import { isJson, jsonOf } from '../answer.ts';
import { columns } from '../columns.ts';
import type { CommandContext } from '../command.ts';
import { exitCodes } from '../exit.ts';
import { interruptSignal } from '../interrupt.ts';
import { type Mix, type Planned, plan } from './mix.ts';
import { type Ended, type Outcome, outcomeOf } from './outcome.ts';

export interface LoadOptions {
  yard: Yard;
  mix: Mix;
  timeoutMs?: number;
  context: CommandContext;
}

const quietMs = 1_000;
const readAtOnce = 200;

export async function runLoad({ yard, mix, timeoutMs, context }: LoadOptions): Promise<void> {
  const { terminal, output } = context;
  const settled = new Set<string>();
  let heard = 0;
  const stop = await yard.onTransition(({ key, transition }) => {
    heard++;
    if (isSettled(transition.to)) settled.add(idIn(key));
  });
  const submitted = await submitAll(yard, mix);
  terminal.say(`${submitted.size} jobs are submitted.`);
  const signal = interruptSignal();
  const giveUpAt = timeoutMs === undefined ? Number.POSITIVE_INFINITY : yard.now() + timeoutMs;
  let before = -1;
  while (openOf(submitted, settled).length > 0) {
    signal.throwIfAborted();
    if (yard.now() > giveUpAt) throw tooLate(openOf(submitted, settled).length);
    await rest(quietMs, signal);
    if (heard === before) await ask(yard, openOf(submitted, settled), settled);
    before = heard;
  }
  await stop();
  const outcome = outcomeOf(await readAll(yard, submitted), mix);
  terminal.print(isJson(output) ? jsonOf(outcome, output) : table(outcome, context));
  for (const { id, expected, met } of outcome.wrong.slice(0, 10))
    terminal.say(`Expected ${id} to be ${expected}, it is ${met}. See \`yard job get ${id}\`.`);
  if (outcome.wrong.length > 0) context.exitWith(exitCodes.failed);
}

async function submitAll(yard: Yard, mix: Mix): Promise<Map<string, Planned>> {
  const submitted = new Map<string, Planned>();
  const todo = plan(mix)[Symbol.iterator]();
  const lane = async () => {
    for (let next = todo.next(); next.done !== true; next = todo.next()) {
      const { type, payload } = next.value;
      const job = await yard.submit(type, payload, mix.queue === undefined ? {} : { queue: mix.queue });
      submitted.set(job.id, next.value);
    }
  };
  await Promise.all(Array.from({ length: mix.submitters }, lane));
  return submitted;
}

function openOf(submitted: ReadonlyMap<string, Planned>, settled: ReadonlySet<string>): readonly string[] {
  return [...submitted.keys()].filter((id) => !settled.has(id));
}

/** Of those that are open as far as anybody told us, a few: what is true of them is likely true of the others. */
async function ask(yard: Yard, open: readonly string[], settled: Set<string>): Promise<void> {
  for (const { id, state } of await read(yard, open.slice(0, readAtOnce))) if (isSettled(state)) settled.add(id);
}

async function readAll(yard: Yard, submitted: ReadonlyMap<string, Planned>): Promise<readonly Ended[]> {
  const ids = [...submitted.keys()];
  const ended: Ended[] = [];
  for (let from = 0; from < ids.length; from += readAtOnce)
    for (const record of await read(yard, ids.slice(from, from + readAtOnce))) {
      const plan = submitted.get(record.id);
      if (plan !== undefined) ended.push({ plan, record });
    }
  return ended;
}

async function read(yard: Yard, ids: readonly string[]): Promise<readonly JobRecord[]> {
  const records = await Promise.all(ids.map((id) => yard.job(id)));
  return records.filter((record) => record !== undefined);
}

function tooLate(open: number): Fault {
  return new Fault('wait.timedOut', `Expected all jobs to be settled in time, ${open} are not. See \`yard status\`.`);
}

function table(outcome: Outcome, { terminal }: CommandContext): string {
  const { jobs, drainMs, jobsPerSecond, inFlight, runMs, waitMs, failedPercent, retries, reaped } = outcome;
  const cell = (title: string, text: string) => ({ title, value: () => text, align: 'right' as const });
  const shape = [
    cell('BURST', String(jobs)),
    cell('IN FLIGHT', String(inFlight)),
    cell('DRAIN TIME', durationText(drainMs)),
    cell('THROUGHPUT', `${jobsPerSecond}/s`),
    cell('P95 RUN', durationText(Math.round(runMs.p95))),
    cell('P95 WAIT', durationText(Math.round(waitMs.p95))),
    cell('FAIL %', failedPercent.toFixed(1)),
    cell('RETRIES', String(retries)),
    cell('REAPED', String(reaped)),
  ];
  return columns([outcome], shape, terminal);
}
