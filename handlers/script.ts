/**
 * The job type `script`: runs a program that the worker's operator has named, and no other.
 *
 * No shell reads the command or its arguments. The allow list names programs by absolute path, or by name on the
 * worker's own PATH; the job must name the program the same way. The program gets a small environment, not the
 * worker's (which may hold secrets), and a job cannot set variables that make the system load other code.
 */

import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { type JobDefinition, JobError, type JobRun } from '../runtime/handler.ts';
import { onPath } from './ffmpeg/binary.ts';
import { between, strict, text, whole } from './payload.ts';
import { type ChildEnd, runChild } from './process/child.ts';
import { deviceVariables } from './process/devices.ts';
import { Tail } from './process/lines.ts';

export interface ScriptOptions {
  clock: Clock;
  /** Absolute paths, or names to be found on PATH. */
  allow: readonly string[];
  /** From SIGTERM to SIGKILL. */
  graceMs?: number;
}

export interface ScriptResult {
  exitCode: number;
  /** The last 4 KiB. */
  stdout: string;
  /** The last 4 KiB. */
  stderr: string;
}

/** Variables that decide what code a program loads. */
const loaders = /^(LD_|DYLD_|PATH$|IFS$|ENV$|BASH_|SHELLOPTS$|NODE_|PYTHON|PERL|RUBY|JAVA_|JDK_|GIT_|GCONV_)/i;

const word = z
  .string('Expected text.')
  .max(32_768, 'Expected at most 32768 characters.')
  .regex(/^[^\0]*$/, 'Expected no NUL character.');

const scriptPayload = strict({
  command: text(4096).meta({ description: 'A program that the worker allows: its path, or its name on PATH.' }),
  args: z
    .array(word, 'Expected a list of arguments.')
    .max(1000, 'Expected at most 1000 arguments.')
    .optional()
    .meta({ description: 'Its arguments.' }),
  env: z
    .record(z.string(), word, 'Expected an object of texts.')
    .superRefine(checkVariables)
    .optional()
    .meta({ description: 'Variables of its environment.' }),
  cwd: text(4096).optional().meta({ description: 'The folder that it starts in.' }),
  timeoutMs: between(0, 7 * 86_400_000, 'milliseconds')
    .optional()
    .meta({ description: 'How long it may take, ms.' }),
  finalExitCodes: z
    .array(whole(1, 255, 'exit codes'), 'Expected a list of exit codes.')
    .optional()
    .meta({ description: 'Exit codes by which it says that another attempt is no use.' }),
});

function checkVariables(env: Readonly<Record<string, string>>, context: z.RefinementCtx): void {
  const refuse = (name: string, message: string) => context.addIssue({ code: 'custom', path: [name], message });
  for (const name of Object.keys(env)) {
    if (!/^[A-Za-z_]\w*$/.test(name)) refuse(name, `Expected names of letters, digits and _, got ${name}.`);
    if (loaders.test(name)) refuse(name, `Expected no variable that decides what code is loaded, got ${name}.`);
  }
}

type ScriptPayload = z.output<typeof scriptPayload>;
type Job = JobRun<ScriptPayload>;

/** With an empty allow list the definition is good for a master alone: every job is refused. */
export function script(options: ScriptOptions): JobDefinition<ScriptPayload, ScriptResult> {
  return {
    type: 'script',
    description: 'Runs a program that the worker allows.',
    payload: scriptPayload,
    defaults: { timeoutMs: 600_000 },
    run: (job) => run(job, options),
  };
}

async function run(job: Job, options: ScriptOptions): Promise<ScriptResult> {
  const path = await allowed(job.payload.command, options.allow);
  await checkFolder(job.payload.cwd);
  const [stdout, stderr] = [new Tail(), new Tail()];
  const keep = (tail: Tail, stream: 'stdout' | 'stderr') => (line: string) => {
    tail.add(line);
    job.log(line, stream);
  };
  const { cwd, args = [], timeoutMs } = job.payload;
  const end = await runChild({
    ...{ clock: options.clock, command: path, args, env: environment(job), signal: job.signal },
    ...{ onStdout: keep(stdout, 'stdout'), onStderr: keep(stderr, 'stderr') },
    ...(cwd === undefined ? {} : { cwd }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
  });
  checkEnd(end, job.payload, stderr.text);
  return { exitCode: end.exitCode, stdout: stdout.text, stderr: stderr.text };
}

/** The program's path. @throws JobError where the allow list does not name it, or it is not there. */
async function allowed(command: string, allow: readonly string[]): Promise<string> {
  if (!allow.includes(command))
    throw refused(
      `Expected a command that this worker allows (${allow.join(', ') || 'it allows none'}), got ${command}.`,
    );
  const path = isAbsolute(command) || !command.includes('/') ? await onPath(command) : undefined;
  if (path === undefined)
    throw refused(`Expected the allowed command ${command} to be an executable on this worker, it is not. Install it.`);
  return path;
}

async function checkFolder(cwd: string | undefined): Promise<void> {
  if (cwd === undefined) return;
  const isFolder = await stat(cwd).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw refused(`Expected cwd to be a folder on this worker, ${cwd} is none.`);
}

/** What programs need anywhere, what the job is, and what it asked for. */
function environment({ id, type, tenant, fence, payload, devices, inputs, trace }: Job): NodeJS.ProcessEnv {
  const kept = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'].map((name) => [name, process.env[name]]);
  const known = Object.fromEntries(kept.filter(([, value]) => value !== undefined));
  const about = { JOB_ID: id, JOB_TYPE: type, JOB_TENANT: tenant, JOB_ATTEMPT: String(fence.attempt) };
  const within = trace === undefined ? {} : traceVariables(trace);
  return { ...known, ...within, ...payload.env, ...about, ...inputVariables(inputs), ...deviceVariables(devices) };
}

/** As OpenTelemetry has programs find them. */
function traceVariables({ traceparent, tracestate }: NonNullable<Job['trace']>): Record<string, string> {
  return { TRACEPARENT: traceparent, ...(tracestate === undefined ? {} : { TRACESTATE: tracestate }) };
}

/** The system refuses longer ones. */
const longestVariable = 120_000;

/** The results of the jobs that it waited for, as JSON. @throws JobError where they are too long for a variable. */
function inputVariables(inputs: Job['inputs']): Record<string, string> {
  if (Object.keys(inputs).length === 0) return {};
  const json = JSON.stringify(inputs);
  if (Buffer.byteLength(json) <= longestVariable) return { JOB_INPUTS: json };
  throw refused(
    `Expected results of at most ${longestVariable} bytes of JSON from the jobs that it waited for, got ${Buffer.byteLength(json)}. Have them put their results where they can be fetched, and return the addresses.`,
  );
}

function checkEnd({ exitCode, timedOut }: ChildEnd, payload: ScriptPayload, stderr: string): void {
  const { command, timeoutMs, finalExitCodes = [] } = payload;
  if (timedOut)
    throw new JobError(`Expected ${command} to end within ${timeoutMs} ms, it did not and was stopped.`, {
      exitCode,
      stderr,
    });
  if (exitCode === 0) return;
  const last = stderr.split('\n').at(-1);
  throw new JobError(`Expected ${command} to end with 0, it ended with ${exitCode}${last ? `: ${last}` : '.'}`, {
    exitCode,
    stderr,
    retryable: !finalExitCodes.includes(exitCode),
  });
}

function refused(message: string): JobError {
  return new JobError(message, { retryable: false });
}
