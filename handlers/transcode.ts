/**
 * The job type `transcode`: a media file or URL in, a file out, with what it took and how good it became.
 *
 * The order matters: everything that can be refused is refused before work begins; the output is written under a
 * name of this attempt and renamed only while the attempt still holds the job; what is left of it is always removed.
 * Its parts are in `transcode/`, what it knows of ffmpeg in `ffmpeg/`.
 */

import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import { type JobDefinition, JobError, type JobRun } from '../runtime/handler.ts';
import type { Encoder } from './ffmpeg/encoder.ts';
import type { Media } from './ffmpeg/media.ts';
import { Ffmpeg } from './ffmpeg/tool.ts';
import { transcodeArgs } from './transcode/command.ts';
import { checkDisk, estimateBytes } from './transcode/disk.ts';
import { type Encoded, encode } from './transcode/encode.ts';
import { type Energy, startEnergy } from './transcode/energy.ts';
import { checkInput, type Input, type Protocol } from './transcode/input.ts';
import { discard, type Output, openOutput, publish, usualName } from './transcode/output.ts';
import { encodersOf, requirementsOf, type TranscodePayload, transcodePayload } from './transcode/payload.ts';
import { reach, refused } from './transcode/place.ts';
import { measureQuality, type Quality } from './transcode/quality.ts';
import { resultOf, type TranscodeResult } from './transcode/result.ts';
import { openVideo, type Video } from './transcode/video.ts';

export interface TranscodeOptions {
  clock: Clock;
  /** Shared with `measure`, so that each encoder is tried once. */
  ffmpeg?: Ffmpeg;
  /** Folders that inputs may lie in; relative inputs are looked up in each. Default: the working directory. */
  inputRoots?: readonly string[];
  /** The folder that outputs are written beneath. Default: the working directory. */
  outputRoot?: string;
  /** Default: all three. */
  protocols?: readonly Protocol[];
  /** What a busy core draws, W; for estimates of energy. */
  wattsPerCore?: number;
  /** No output is begun on a disk fuller than this. */
  diskFullPercent?: number;
  /** From SIGTERM to SIGKILL. */
  graceMs?: number;
  /** Told of each one that is done, before its end is stored. */
  onDone?: (result: TranscodeResult) => void;
}

/** Starts nothing and looks at nothing until a job runs. */
export function transcode(options: TranscodeOptions): JobDefinition<TranscodePayload, TranscodeResult> {
  const setting = settle(options);
  return {
    type: 'transcode',
    description: 'Transcodes a media file or URL with ffmpeg, on CPU or GPU.',
    payload: transcodePayload,
    defaults: { timeoutMs: null },
    requirements: requirementsOf,
    run: (job) => run(job, setting),
  };
}

type Setting = Required<TranscodeOptions>;

function settle(options: TranscodeOptions): Setting {
  return {
    ffmpeg: new Ffmpeg({ clock: options.clock }),
    inputRoots: [process.cwd()],
    outputRoot: process.cwd(),
    protocols: ['file', 'http', 'https'],
    wattsPerCore: 8,
    diskFullPercent: 95,
    graceMs: 5000,
    onDone: () => {},
    ...options,
  };
}

type Job = JobRun<TranscodePayload>;

interface Work {
  job: Job;
  setting: Setting;
  input: Input;
  original: Video;
  encoder: Encoder;
  output: Output;
}

async function run(job: Job, setting: Setting): Promise<TranscodeResult> {
  const input = await checkInput(job.payload.input, { roots: setting.inputRoots, protocols: setting.protocols });
  const original = await openInput(input, job, setting);
  const encoder = await chooseEncoder(job, setting.ffmpeg);
  const name = job.payload.output ?? usualName(job.payload, encoder.codec, job.id);
  const output = await openOutput(name, { root: setting.outputRoot, job });
  try {
    const result = await produce({ job, setting, input, original, encoder, output });
    setting.onDone(result);
    return result;
  } finally {
    await discard(output);
  }
}

async function produce(work: Work): Promise<TranscodeResult> {
  const { job, setting, encoder, output } = work;
  await checkDifferent(work);
  await checkDisk(dirname(output.final), expectedBytes(work), { fullPercent: setting.diskFullPercent });
  const { encoded, energy } = await encodeMeasured(work);
  const made = await openVideo(
    setting.ffmpeg,
    { url: `file:${output.draft}`, options: [], shown: output.final },
    job.signal,
  );
  const quality = job.payload.quality === false ? {} : await compareWithOriginal(work, made);
  const { size: sizeBytes } = await stat(output.draft);
  await publish(output, job);
  return resultOf({ output: output.final, encoder: encoder.name, made, encoded, energy, quality, sizeBytes });
}

async function checkDifferent({ input, output }: Work): Promise<void> {
  const present = await reach(output.final);
  if ('path' in present && present.path === input.file?.path)
    throw refused('Expected an output other than the input, got the same file. Name another output.');
}

/** The part of the input that is asked for, in seconds. */
function wantedSeconds({ durationSeconds, startSeconds = 0 }: TranscodePayload, original: Media): number | undefined {
  if (original.durationSeconds === undefined) return durationSeconds;
  return Math.min(Math.max(0, original.durationSeconds - startSeconds), durationSeconds ?? Number.POSITIVE_INFINITY);
}

function expectedBytes({ job, input, original }: Work): number | undefined {
  const seconds = wantedSeconds(job.payload, original);
  return estimateBytes({
    ...(job.payload.bitrate === undefined ? {} : { bitrate: job.payload.bitrate }),
    ...(seconds === undefined ? {} : { seconds }),
    ...(input.file === undefined ? {} : { inputBytes: input.file.sizeBytes }),
  });
}

async function openInput(input: Input, job: Job, setting: Setting): Promise<Video> {
  const original = await openVideo(setting.ffmpeg, input, job.signal);
  const { startSeconds = 0 } = job.payload;
  if (startSeconds > 0 && original.durationSeconds !== undefined && startSeconds >= original.durationSeconds)
    throw refused(`Expected startSeconds below the input's ${original.durationSeconds} s, got ${startSeconds}.`);
  return original;
}

/** One that hardware does is tried on the GPU that the attempt has: others of the worker may do less, or more. */
async function chooseEncoder({ payload, devices }: Pick<Job, 'payload' | 'devices'>, ffmpeg: Ffmpeg): Promise<Encoder> {
  const candidates = encodersOf(payload);
  for (const encoder of candidates)
    if (await ffmpeg.works(encoder, encoder.hardware === undefined ? undefined : devices)) return encoder;
  const names = candidates.map((encoder) => encoder.name).join(' or ');
  throw new JobError(`Expected a working encoder ${names} on this worker, it has none. Ask for another codec.`);
}

async function encodeMeasured(work: Work): Promise<{ encoded: Encoded; energy: Energy | undefined }> {
  const { job, setting, input, original, encoder, output } = work;
  const { clock, wattsPerCore, graceMs } = setting;
  const [device = '0'] = job.devices ?? [];
  using meter = await startEnergy({ clock, wattsPerCore, ...(encoder.hardware === 'nvenc' ? { device } : {}) });
  const encoded = await encode({
    clock,
    command: await setting.ffmpeg.path(),
    args: transcodeArgs({ payload: job.payload, encoder, input, output: output.draft }),
    job,
    totalSeconds: wantedSeconds(job.payload, original),
    hide: [input.url, input.shown],
    graceMs,
  });
  return { encoded, energy: await meter.read(encoded.cpuSeconds) };
}

function compareWithOriginal({ job, setting, input, original, output }: Work, made: Media): Promise<Quality> {
  return measureQuality({
    ffmpeg: setting.ffmpeg,
    reference: input,
    offsetSeconds: job.payload.startSeconds ?? 0,
    output: output.draft,
    size: original.video,
    fps: job.payload.fps,
    durationSeconds: made.durationSeconds,
    signal: job.signal,
    log: (line) => job.log(line),
  });
}
