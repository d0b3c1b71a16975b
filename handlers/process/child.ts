/**
 * A child process that cannot outlive its worker, nor leave anything behind.
 *
 * A worker that is killed with SIGKILL cannot clean up, so somebody else must. Each child is started under a POSIX
 * shell that leads a process group of its own:
 *
 *     worker ── sh ─┬─ the command         (its exit code becomes that of sh)
 *        └─lifeline─┴─ sh: read; kill -9 the group
 *
 * The lifeline is a pipe whose other end only the worker holds. The kernel closes it when the worker dies in
 * whatever way; the read ends, and the group with it. A command that ends takes its group along as well, so that
 * nothing it left in the background lives on. What calls setsid(2) itself escapes: only cgroups would hold that.
 *
 * Stopping is SIGTERM to the group, a grace, SIGKILL. Two shells cost about 1 MB and 2 ms; no compiled code.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../../runtime/clock.ts';
import { readLines, Tail } from './lines.ts';

// The shells ignore the polite signals, which are for the command. `wait` returns early on a trapped signal,
// so it is asked again while the command is there. Messages of the shell ("Killed") are not the command's.
const guard = `
trap : TERM INT HUP
"$@" 4<&- &
command=$!
( trap '' TERM INT HUP; exec >/dev/null 2>&1 3>&-; read -r _ <&4; kill -KILL 0 ) &
watch=$!
exec >/dev/null 2>&1 3>&- 4<&-
while :; do
  wait "$command"; code=$?
  kill -0 "$command" || break
done
kill -KILL "$watch"; wait "$watch"
exit "$code"`;

export interface ChildOptions {
  clock: Clock;
  /** A path, or a name that is looked up on PATH; no shell reads it, nor the arguments. */
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Stops the child when it fires; the call then throws the signal's reason, once the child is gone. */
  signal?: AbortSignal;
  /** Stops the child after so long. */
  timeoutMs?: number;
  /** From SIGTERM to SIGKILL. */
  graceMs?: number;
  onStdout?(line: string): void;
  onStderr?(line: string): void;
  /** Lines that the child writes to its file descriptor 3. */
  onReport?(line: string): void;
}

export interface ChildEnd {
  /** As a shell gives it: 128 + n after signal n, 127 where the command is missing. */
  exitCode: number;
  timedOut: boolean;
}

/** Runs the command to its end. @throws the reason of `signal`, or the error of a spawn that failed. */
export async function runChild(options: ChildOptions): Promise<ChildEnd> {
  options.signal?.throwIfAborted();
  const child = start(options);
  const stops = stopper(child, options);
  options.signal?.addEventListener('abort', stops.stop, { once: true });
  try {
    const exitCode = await ended(child, options.clock);
    options.signal?.throwIfAborted();
    return { exitCode, timedOut: stops.timedOut() };
  } finally {
    stops.cancel();
    options.signal?.removeEventListener('abort', stops.stop);
    for (const stream of child.stdio) stream?.destroy();
  }
}

/** Runs the command and keeps the end of what it wrote. */
export async function capture(options: ChildOptions): Promise<ChildEnd & { stdout: string; stderr: string }> {
  const stdout = new Tail(65_536);
  const stderr = new Tail(65_536);
  const end = await runChild({
    ...options,
    onStdout: (line) => stdout.add(line),
    onStderr: (line) => stderr.add(line),
  });
  return { ...end, stdout: stdout.text, stderr: stderr.text };
}

function start(options: ChildOptions): ChildProcess {
  const child = spawn('/bin/sh', ['-c', guard, 'guard', options.command, ...options.args], {
    detached: true,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe', options.onReport ? 'pipe' : 'ignore', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const takers = [undefined, options.onStdout, options.onStderr, options.onReport];
  for (const [fd, stream] of child.stdio.entries())
    if (stream && 'read' in stream) readLines(stream, takers[fd] ?? (() => {}));
  return child;
}

function stopper(child: ChildProcess, { clock, timeoutMs, graceMs = 5000 }: ChildOptions) {
  let timedOut = false;
  let kill = () => {};
  const stop = () => {
    signalGroup(child, 'SIGTERM');
    kill = clock.after(graceMs, () => signalGroup(child, 'SIGKILL'));
  };
  const expire = () => {
    timedOut = true;
    stop();
  };
  const timer = timeoutMs === undefined ? () => {} : clock.after(timeoutMs, expire);
  const cancel = () => {
    timer();
    kill();
  };
  return { stop, cancel, timedOut: () => timedOut };
}

function ended(child: ChildProcess, clock: Clock): Promise<number> {
  return new Promise((resolve, reject) => {
    let giveUp = () => {};
    child.once('error', reject);
    child.once('exit', () => {
      signalGroup(child, 'SIGKILL'); // What the command left in the background would hold the pipes open.
      giveUp = clock.after(1000, () => child.stdio.forEach((stream) => void stream?.destroy()));
    });
    child.once('close', (code) => {
      giveUp();
      resolve(code ?? 137);
    });
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already, which is what was wanted.
  }
}
