/**
 * What a process tells of itself: its log, written to standard error from the start, and its traces, where somebody wants them.
 */

import { styleText } from 'node:util';
import { SystemClock } from '../runtime/clock.ts';
import type { Options } from '../runtime/options.ts';
import type { Level } from '../runtime/telemetry/event.ts';
import { createLog, logTelemetry } from '../runtime/telemetry/log.ts';
import { prettyLines } from '../runtime/telemetry/pretty.ts';
import { createTelemetry, type Telemetry } from '../runtime/telemetry/telemetry.ts';
import { startTracing, type TracingOptions } from './tracing.ts';

export interface ProcessLogOptions {
  options: Options;
  /** What the process is: `master`, `worker`, `client`. */
  role: string;
  /** Where nobody said how loud it should be; the option's own default unless given. */
  level?: Level | 'trace' | 'silent';
}

/** Telemetry that is logged as `--log-level` says. */
export function loggedTelemetry({ options, role, level }: ProcessLogOptions): Telemetry {
  const telemetry = createTelemetry();
  const isSaid = options.origins.logLevel !== 'default';
  const clock = new SystemClock();
  const log = createLog({
    clock,
    level: isSaid ? options.logLevel : (level ?? options.logLevel),
    role,
    process: options.name ?? String(process.pid),
    ...(process.stderr.isTTY === true ? { to: onTerminal() } : {}),
  });
  logTelemetry(telemetry, log, clock);
  return telemetry;
}

/** For whoever looks on: no JSON. `NO_COLOR` is heard. */
function onTerminal() {
  const { stderr } = process;
  return prettyLines({
    write: (text) => void stderr.write(text),
    style: (style, text) => styleText(style, text, { stream: stderr }),
  });
}

/** Its traces, from now on. */
export function tracedAs(
  role: TracingOptions['role'],
  { options, env, telemetry }: { options: Options; env: TracingOptions['env']; telemetry: Telemetry },
): Promise<AsyncDisposable> {
  const { traceRate: perSecond, name = String(process.pid) } = options;
  const onTrouble = (error: string) => telemetry.tell('process.failed', { what: 'sending traces', error });
  return startTracing({ env, role, name, perSecond, onTrouble });
}
