/**
 * Writes what a process tells as JSON lines, through pino: level, time, event, its facts and its one line.
 */

import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type { Clock } from '../clock.ts';
import { type Level, levelOf, lineOf, type Told } from './event.ts';
import type { Telemetry, Unsubscribe } from './telemetry.ts';

/** How a process logs. */
export interface LogOptions {
  clock: Clock;
  level: Level | 'silent';
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

/** Writes every event that is told from now on. */
export function logTelemetry(telemetry: Telemetry, log: Logger): Unsubscribe {
  return telemetry.subscribe((told) => write(log, told));
}

function write(log: Logger, told: Told): void {
  const level = levelOf(told);
  if (!log.isLevelEnabled(level)) return;
  log[level]({ event: told.name, ...told.facts }, lineOf(told));
}
