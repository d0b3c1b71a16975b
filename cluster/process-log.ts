/**
 * What a process tells of itself, written to standard error from the start.
 */

import { SystemClock } from '../runtime/clock.ts';
import type { Options } from '../runtime/options.ts';
import type { Level } from '../runtime/telemetry/event.ts';
import { createLog, logTelemetry } from '../runtime/telemetry/log.ts';
import { createTelemetry, type Telemetry } from '../runtime/telemetry/telemetry.ts';

export interface ProcessLogOptions {
  options: Options;
  /** What the process is: `master`, `worker`, `client`. */
  role: string;
  /** Where nobody said how loud it should be; the option's own default unless given. */
  level?: Level | 'silent';
}

/** Telemetry that is logged as `--log-level` says. */
export function loggedTelemetry({ options, role, level }: ProcessLogOptions): Telemetry {
  const telemetry = createTelemetry();
  const isSaid = options.origins.logLevel !== 'default';
  const log = createLog({
    clock: new SystemClock(),
    level: isSaid ? options.logLevel : (level ?? options.logLevel),
    role,
    process: options.name ?? String(process.pid),
  });
  logTelemetry(telemetry, log);
  return telemetry;
}
