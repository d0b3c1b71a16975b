/**
 * One run of ffmpeg: progress and log go to the job, and what it took comes back.
 */

import type { Clock } from '../../runtime/clock.ts';
import { JobError, type JobRun } from '../../runtime/handler.ts';
import { type EncodeProgress, ProgressReader, reportOf } from '../ffmpeg/progress.ts';
import { runChild } from '../process/child.ts';
import { deviceVariables } from '../process/devices.ts';
import { Tail } from '../process/lines.ts';

export interface Encoded {
  frames: number;
  seconds: number;
  /** User and system time of ffmpeg and all its threads. */
  cpuSeconds?: number;
}

export interface EncodeOptions {
  clock: Clock;
  /** The path of ffmpeg. */
  command: string;
  args: readonly string[];
  job: Pick<JobRun<unknown>, 'signal' | 'progress' | 'log' | 'devices'>;
  totalSeconds: number | undefined;
  /** Words that must not appear in the log, with what to show instead. */
  hide: readonly [raw: string, shown: string];
  graceMs: number;
}

/** @throws JobError with ffmpeg's last words, or the reason of the job's signal. */
export async function encode(options: EncodeOptions): Promise<Encoded> {
  const { clock, command, args, job, graceMs } = options;
  const reader = new ProgressReader();
  const stderr = new Tail();
  const start = clock.mono();
  let last: EncodeProgress | undefined;
  let cpuSeconds: number | undefined;
  const onReport = (line: string) => {
    last = reader.take(line) ?? last;
    if (last && line.startsWith('progress=')) job.progress(reportOf(last, options.totalSeconds));
  };
  const onStderr = (raw: string) => {
    const line = raw.replaceAll(...options.hide);
    stderr.add(line);
    cpuSeconds = cpuSecondsIn(line) ?? cpuSeconds;
    job.log(line, 'stderr');
  };
  const env = { ...process.env, ...deviceVariables(job.devices) };
  const { exitCode } = await runChild({ clock, command, args, env, signal: job.signal, graceMs, onReport, onStderr });
  if (exitCode !== 0) throw failed(exitCode, stderr.text);
  const taken = { frames: last?.frames ?? 0, seconds: (clock.mono() - start) / 1000 };
  return cpuSeconds === undefined ? taken : { ...taken, cpuSeconds };
}

/** From the line `bench: utime=0.636s stime=0.048s rtime=0.400s`. */
function cpuSecondsIn(line: string): number | undefined {
  const [, user, system] = /bench: utime=([\d.]+)s stime=([\d.]+)s/.exec(line) ?? [];
  return system === undefined ? undefined : Math.round((Number(user) + Number(system)) * 1000) / 1000;
}

function failed(exitCode: number, stderr: string): JobError {
  const lines = stderr.split('\n');
  const telling = lines.findLast((line) => /error|invalid|fail|no space|unable|could not/i.test(line)) ?? lines.at(-1);
  return new JobError(`Expected ffmpeg to finish, it ended with ${exitCode}: ${telling}`, { exitCode, stderr });
}
