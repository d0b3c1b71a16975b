/**
 * A master or a worker as a process of its own: started, heard, signalled, and started again when asked.
 *
 * Knows one process; which there are, and whether one that ended shall come back, is the affair of `up.ts`. Promises
 * that the process does not outlive the one that started it, however that one ends and whatever this one is busy
 * with: a shell beside it reads from a pipe that only the parent holds open. A line on it means "all is well, go";
 * the end of it without one means that the parent is gone: the process is asked to stop, asked again to hurry after
 * 5 s, and killed after 10. It leads a session of its own, so that Ctrl-C reaches it only through its parent.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { readLines } from '../handlers/process/lines.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { packageRoot } from './version.ts';

export type Role = 'master' | 'worker';

/** What is run as `yard`, before the name of the command. */
export interface Program {
  command: string;
  args: readonly string[];
}

/** This package's command, run by the Node that runs us. */
export function yardProgram(): Program {
  return { command: process.execPath, args: [join(packageRoot, 'bin', 'yard.js')] };
}

/** How a process ended. */
export interface End {
  pid: number;
  /** `exit code 2` or `SIGKILL`. */
  how: string;
  /** The last line that it wrote to standard error. */
  lastWords: string;
}

export interface MemberOptions {
  name: string;
  role: Role;
  program: Program;
  /** Flags behind the role. */
  args: readonly string[];
  /** The whole environment. */
  env: NodeJS.ProcessEnv;
  directory: string;
  clock: Clock;
  onLine(line: string): void;
  onEnd(end: End): void;
}

interface Running {
  child: ChildProcess;
  pid: number;
  ended: Promise<void>;
}

/** `exec` keeps the process id, so what is signalled is the command. */
const guarded = `( read -r _ <&3 && exit
  for politely in 1 2; do
    kill -TERM $$
    for second in 1 2 3 4 5; do sleep 1; kill -0 $$ || exit; done
  done
  kill -KILL $$ ) >/dev/null 2>&1 & exec "$0" "$@" 3<&-`;

export class Member {
  readonly name: string;
  readonly role: Role;
  readonly #options: MemberOptions;
  #running: Running | undefined;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.name = options.name;
    this.role = options.role;
  }

  /** Its process id; `undefined` while it does not run. */
  get pid(): number | undefined {
    return this.#running?.pid;
  }

  /** Starts it; harmless while it runs. */
  start(): void {
    if (this.#running !== undefined) return;
    const { program, role, args, env, directory, onLine } = this.#options;
    const child = spawn('sh', ['-c', guarded, program.command, ...program.args, role, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env,
      cwd: directory,
      detached: true,
    });
    const lifeline = child.stdio[3];
    if (child.pid === undefined || child.stdout === null || child.stderr === null || !(lifeline instanceof Socket))
      throw new Fault('process.ended', `Expected to start ${this.name}, could not. Is \`sh\` on this machine?`);
    lifeline.on('error', () => lifeline.destroy());
    let lastWords = '';
    readLines(child.stdout, onLine);
    readLines(child.stderr, (line) => {
      lastWords = line;
      onLine(line);
    });
    const { pid } = child;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running = { child, pid, ended: promise };
    child.once('exit', () => lifeline.end('go\n'));
    child.once('close', (code, signal) => {
      this.#running = undefined;
      resolve();
      this.#options.onEnd({ pid, how: signal ?? `exit code ${code}`, lastWords });
    });
  }

  /** Sends a signal where it runs. */
  signal(signal: NodeJS.Signals): void {
    this.#running?.child.kill(signal);
  }

  /** Ends it with SIGKILL and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#running?.ended;
  }

  /** Asks it to stop and waits until it is gone; after `withinMs` it is killed. */
  async stop(withinMs: number): Promise<void> {
    if (this.#running === undefined) return;
    const { ended } = this.#running;
    this.signal('SIGTERM');
    const giveUp = this.#options.clock.after(withinMs, () => this.signal('SIGKILL'));
    await ended;
    giveUp();
  }
}
