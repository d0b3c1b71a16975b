/**
 * Writes what a process tells as JSON lines, through pino: level, time, event, its facts and its one line; on a terminal as people
 * read it.
 *
 * What is told of single jobs is told thousands of times a second under load, and would cost more than the work: of each such event
 * so many lines a second are written, and the next one says how many were left out. Warnings and errors are never left out, and at
 * the level `trace` nothing is.
 */

import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type { Clock } from '../clock.ts';
import { type Level, levelOf, lineOf, type Told } from './event.ts';
import type { Telemetry, Unsubscribe } from './telemetry.ts';

/** How a process logs. */
export interface LogOptions {
  clock: Clock;
  level: Level | 'trace' | 'silent';
  /** What the process is: `master`, `worker`, … */
  role: string;
  /** Its name, for people. */
  process: string;
  /** Where the lines go; standard error where absent, so that standard output stays for answers. */
  to?: DestinationStream;
}

/** A log of its own, for what is no event. */
export function createLog(options: LogOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { role: options.role, process: options.process },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":${options.clock.now()}`,
    },
    options.to ?? destination({ dest: 2, sync: true }),
  );
}

/** Of each event about single jobs, so many lines a second. */
export const jobLinesPerSecond = 100;

/** Writes every event that is told from now on. */
export function logTelemetry(telemetry: Telemetry, log: Logger, clock: Pick<Clock, 'mono'>): Unsubscribe {
  const writer = new Writer(log, clock);
  return telemetry.subscribe((told) => writer.write(told));
}

class Writer {
  readonly #log: Logger;
  readonly #clock: Pick<Clock, 'mono'>;
  readonly #portions = new Map<string, { since: number; written: number; leftOut: number }>();
  /** What this process is, in every line: the incarnation of a worker, the term of a leader. */
  #own: { worker?: string; term?: number } = {};

  constructor(log: Logger, clock: Pick<Clock, 'mono'>) {
    this.#log = log;
    this.#clock = clock;
  }

  write(told: Told): void {
    const level = levelOf(told);
    this.#become(told);
    if (!this.#log.isLevelEnabled(level)) return;
    const isSampled = isOfJob(told) && (level === 'debug' || level === 'info') && !this.#log.isLevelEnabled('trace');
    const leftOut = isSampled ? this.#take(told.name) : 0;
    if (leftOut === undefined) return;
    const fields = { event: told.name, ...this.#own, ...fieldsOf(told), ...(leftOut === 0 ? {} : { leftOut }) };
    this.#log[level](fields, lineOf(told));
  }

  #become({ name, facts }: Told): void {
    const own: Readonly<Record<string, unknown>> = facts;
    if (name === 'worker.started' || name === 'worker.returned') this.#own = { worker: String(own['incarnation']) };
    if (name === 'leader.elected') this.#own = { term: Number(own['term']) };
    if (name === 'leader.deposed' || name === 'leader.steppedDown') this.#own = {};
  }

  /** How many were left out before this one; `undefined` where this one is left out too. */
  #take(event: string): number | undefined {
    const now = this.#clock.mono();
    const portion = this.#portions.get(event) ?? { since: now, written: 0, leftOut: 0 };
    this.#portions.set(event, portion);
    if (now - portion.since >= 1_000) Object.assign(portion, { since: now, written: 0 });
    if (portion.written >= jobLinesPerSecond) {
      portion.leftOut++;
      return undefined;
    }
    portion.written++;
    const { leftOut } = portion;
    portion.leftOut = 0;
    return leftOut;
  }
}

function isOfJob({ name }: Told): boolean {
  return name.startsWith('job.') || name.startsWith('attempt.');
}

/** Its facts, those that other lines have too under the same names. */
function fieldsOf(told: Told): Readonly<Record<string, unknown>> {
  const facts: Readonly<Record<string, unknown>> = told.facts;
  if (!isOfJob(told)) return told.name.startsWith('worker.') ? { ...facts, worker: facts['incarnation'] } : facts;
  const { key, ...rest } = facts;
  return { job: key, ...rest };
}
