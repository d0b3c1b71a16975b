/**
 * How close a picture is to its original: VMAF where this ffmpeg has it with a model, else SSIM and PSNR.
 *
 * What could not be measured is absent, never guessed. Clips up to `wholeSeconds` are compared whole, longer ones in
 * a few windows spread over their length, so that measuring is bounded however long the clip is.
 */

import { type Ffmpeg, vmafScore } from '../ffmpeg/tool.ts';
import type { Input } from './input.ts';

export interface Quality {
  /** 0 to 100. */
  vmaf?: number;
  /** 0 to 1, over all planes. */
  ssim?: number;
  /** dB, over all planes; absent where the pictures are equal. */
  psnr?: number;
}

export interface Comparison {
  ffmpeg: Ffmpeg;
  reference: Input;
  /** Seconds into the reference at which the output begins. */
  offsetSeconds: number;
  output: string;
  size: { width: number; height: number };
  /** Frames a second of the output, where they were changed. */
  fps: number | undefined;
  durationSeconds: number | undefined;
  signal: AbortSignal;
  log(line: string): void;
}

interface Window {
  at: number;
  length: number;
}

const wholeSeconds = 30;
const windowSeconds = 6;
const windowCount = 5;

/** The mean over all windows that could be measured. Never throws but for the signal. */
export async function measureQuality(comparison: Comparison): Promise<Quality> {
  const vmaf = await comparison.ffmpeg.vmaf();
  const measured: Quality[] = [];
  for (const window of windows(comparison.durationSeconds)) {
    const quality = await compare(comparison, window, vmaf);
    if (quality) measured.push(quality);
  }
  return average(measured);
}

/** Where a clip of that length is looked at. */
export function windows(durationSeconds: number | undefined): readonly Window[] {
  if (durationSeconds === undefined || durationSeconds <= wholeSeconds) return [{ at: 0, length: wholeSeconds }];
  const gap = (durationSeconds - windowSeconds) / (windowCount - 1);
  return Array.from({ length: windowCount }, (_, n) => ({ at: Math.floor(n * gap), length: windowSeconds }));
}

/** The figures that the filters printed. */
export function parseQuality(stderr: string): Quality {
  const vmaf = vmafScore(stderr);
  const ssim = figure(/SSIM .*?All:([\d.]+)/, stderr);
  const psnr = figure(/PSNR .*?average:([\d.]+)/, stderr);
  return {
    ...(vmaf === undefined ? {} : { vmaf }),
    ...(ssim === undefined ? {} : { ssim }),
    ...(psnr === undefined ? {} : { psnr }),
  };
}

async function compare(comparison: Comparison, window: Window, vmaf: string | undefined): Promise<Quality | undefined> {
  const { ffmpeg, signal, log } = comparison;
  const args = compareArgs(comparison, window, vmaf);
  const { exitCode, timedOut, stderr } = await ffmpeg.ask(args, { signal, timeoutMs: 300_000 });
  if (exitCode === 0) return parseQuality(stderr);
  log(`Quality at ${window.at} s was not measured: ${timedOut ? 'it took too long' : stderr.split('\n').at(-1)}.`);
  return undefined;
}

function compareArgs(comparison: Comparison, { at, length }: Window, vmaf: string | undefined): readonly string[] {
  const { reference, offsetSeconds, output } = comparison;
  const cut = (from: number) => ['-ss', String(from), '-t', String(length)];
  const original = [...cut(offsetSeconds + at), ...reference.options, '-i', reference.url];
  return [...cut(at), '-i', `file:${output}`, ...original, '-lavfi', graph(comparison, vmaf), '-f', 'null', '-'];
}

/**
 * Both are brought to the size of the original first: quality is what a viewer of the original's size sees. The
 * original loses the frames that the output lost, by the same filter, so that like is compared with like.
 */
function graph({ size, fps }: Comparison, vmaf: string | undefined): string {
  const same = `setpts=PTS-STARTPTS,scale=${size.width}:${size.height}:flags=bicubic,setsar=1,format=yuv420p`;
  const original = fps === undefined ? same : `fps=${fps},${same}`;
  if (vmaf !== undefined) return `[0:v:0]${same}[a];[1:v:0]${original}[b];[a][b]${vmaf}`;
  return `[0:v:0]${same},split[a][c];[1:v:0]${original},split[b][d];[a][b]ssim;[c][d]psnr`;
}

function average(measured: readonly Quality[]): Quality {
  const means = (['vmaf', 'ssim', 'psnr'] as const).map(
    (name) => [name, mean(measured.map((one) => one[name]))] as const,
  );
  return Object.fromEntries(means.filter(([, value]) => value !== undefined));
}

function mean(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0) return undefined;
  return Math.round((known.reduce((sum, value) => sum + value, 0) / known.length) * 10_000) / 10_000;
}

function figure(pattern: RegExp, text: string): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
