/**
 * A cluster that stays when the shell is gone: `yard up` as a process of its own that nobody waits for, and the way
 * to stop it. Both sides meet in `up.json` and in signals, nothing else.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Clock, pause, SystemClock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { Options } from '../runtime/options.ts';
import { commandLine } from './command-line.ts';
import { logFile } from './log-files.ts';
import { type Program, yardProgram } from './member.ts';
import { isRunning, readUpFile, refuseRunning, type UpFile } from './up-file.ts';

export interface DetachOptions {
  /** Of scope `up`. */
  options: Options;
  /** Fires where the start is to be given up. */
  signal?: AbortSignal;
  program?: Program;
  /** What it finds itself in: ours unless given. */
  env?: NodeJS.ProcessEnv;
  directory?: string;
  clock?: Clock;
}

/**
 * Starts `yard up` on its own; resolves when it is ready for jobs.
 *
 * @throws {Fault} `cluster.running`, or `process.ended` with its last words where it did not come up.
 */
export async function startDetached(start: DetachOptions): Promise<UpFile> {
  const { options, signal, clock = new SystemClock() } = start;
  const dataDir = resolve(options.data);
  await refuseRunning(dataDir);
  const log = logFile(dataDir, 'up');
  const child = launch(start, log);
  const giveUp = () => void child.kill('SIGTERM');
  signal?.addEventListener('abort', giveUp);
  try {
    return await ready({ child, dataDir, log, clock });
  } finally {
    signal?.removeEventListener('abort', giveUp);
    child.unref();
  }
}

function launch(
  { options, program = yardProgram(), env = process.env, directory }: DetachOptions,
  log: string,
): ChildProcess {
  const told = commandLine(options, 'up');
  const file = openSync(log, 'a');
  const child = spawn(program.command, [...program.args, 'up', '--log-files', ...told.args], {
    stdio: ['ignore', file, file],
    env: { ...env, ...told.env },
    detached: true,
    ...(directory === undefined ? {} : { cwd: directory }),
  });
  closeSync(file);
  return child;
}

interface Awaited {
  child: ChildProcess;
  dataDir: string;
  log: string;
  clock: Clock;
}

async function ready({ child, dataDir, log, clock }: Awaited): Promise<UpFile> {
  while (child.exitCode === null && child.signalCode === null) {
    const up = await readUpFile(dataDir);
    if (up?.pid === child.pid && up?.readyAt !== undefined) return up;
    await pause(clock, 50);
  }
  const lastWords = (await readFile(log, 'utf8').catch(() => '')).trim().split('\n').at(-1) ?? '';
  throw new Fault('process.ended', `Expected the cluster to come up, got: ${lastWords}. See ${log}.`);
}

export interface StopOptions {
  dataDir: string;
  /** Whether workers hand back at once what they run, instead of finishing it. */
  now: boolean;
  withinMs: number;
  clock?: Clock;
}

/** What became of the request to stop a cluster. */
export type Stopped = { kind: 'stopped' | 'still there'; up: UpFile } | { kind: 'not running' };

/** One signal asks, the next one hurries; what follows sooner counts as the same. */
const insistAfterMs = 1_000;

/** Stops the cluster of a data directory and waits until it is gone. */
export async function stopRunning({
  dataDir,
  now,
  withinMs,
  clock = new SystemClock(),
}: StopOptions): Promise<Stopped> {
  const up = await readUpFile(dataDir);
  if (up === undefined) return { kind: 'not running' };
  const askedAt = clock.mono();
  process.kill(up.pid, 'SIGTERM');
  let signals = 1;
  while (await isRunning(up)) {
    const passedMs = clock.mono() - askedAt;
    if (passedMs > withinMs) return { kind: 'still there', up };
    if (now && signals < 3 && passedMs > signals * insistAfterMs) {
      signals++;
      process.kill(up.pid, 'SIGTERM');
    }
    await pause(clock, 50);
  }
  return { kind: 'stopped', up };
}
