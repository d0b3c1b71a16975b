/**
 * What a transcode job is asked for, and which encoders could do it.
 *
 * Checked where a job is submitted, so nothing here looks at files or at this machine.
 */

import { z } from 'zod';
import type { Requirements } from '../../machines/rules/capability.ts';
import { type Encoder, encoders, encodersFor } from '../ffmpeg/encoder.ts';
import { between, strict, text, whole } from '../payload.ts';

/** The containers that can be written: what ffmpeg calls them, and the codecs that players expect inside. */
export const containers: Readonly<Record<string, { format: string; codecs: readonly string[]; audio: string }>> = {
  mp4: { format: 'mp4', codecs: ['h264', 'h265', 'av1', 'vp9', 'mpeg4'], audio: 'aac' },
  m4v: { format: 'mp4', codecs: ['h264', 'h265', 'av1', 'vp9', 'mpeg4'], audio: 'aac' },
  mov: { format: 'mov', codecs: ['h264', 'h265', 'mpeg4'], audio: 'aac' },
  mkv: { format: 'matroska', codecs: ['h264', 'h265', 'av1', 'vp8', 'vp9', 'mpeg4'], audio: 'aac' },
  webm: { format: 'webm', codecs: ['vp8', 'vp9', 'av1'], audio: 'libopus' },
  ts: { format: 'mpegts', codecs: ['h264', 'h265'], audio: 'aac' },
  flv: { format: 'flv', codecs: ['h264'], audio: 'aac' },
};

/** `webm` for codecs that live there, else `mp4`. */
export function usualContainer(codec: string): string {
  return codec === 'vp8' ? 'webm' : 'mp4';
}

const rate = 'Expected bits a second, such as 2500000, "2500k" or "2.5M".';
const bits = z
  .union([z.number(), z.string().regex(/^\d+(\.\d+)?[kM]?$/, rate)], rate)
  .transform(bitsPerSecond)
  .refine((value) => value >= 1000 && value <= 1e9, 'Expected from 1000 to 1000000000 bits a second.');

const size = 'Expected a size such as "1280x720" or "720p".';
const resolution = z
  .string(size)
  .regex(/^([1-9]\d{1,4}x[1-9]\d{1,4}|[1-9]\d{1,4}p)$/, size)
  .refine(
    (value) => sizeOf(value).every((side) => side % 2 === 0 && side <= 16_384),
    'Expected even sides up to 16384.',
  );

const week = 604_800;

const fields = strict({
  input: text(4096).meta({
    description: 'A file in one of the input roots of the worker, or a URL.',
    examples: ['in.mov', 'https://example.org/in.mov'],
  }),
  output: text(1024)
    .optional()
    .meta({
      description: `A file beneath the output root; its ending says the container: ${Object.keys(containers).join(', ')}. Named after the job where it is absent.`,
      examples: ['out.mp4'],
    }),
  codec: text(64)
    .optional()
    .meta({
      description: 'A codec, or an encoder by the name that ffmpeg has for it.',
      default: 'h264',
      examples: [...new Set(encoders.flatMap(({ codec }) => codec))],
    }),
  preset: text(32)
    .optional()
    .meta({
      description: 'How much work the encoder spends, in its own words.',
      examples: ['veryfast', 'medium', 'slow'],
    }),
  bitrate: bits.optional().meta({ description: 'Bits a second, such as 2.5M; either this or crf.' }),
  crf: whole(0, 63, 'crf').optional().meta({ description: 'Constant quality: the lower, the better and the larger.' }),
  resolution: resolution
    .optional()
    .meta({ description: 'Width and height, or the height alone.', examples: ['1280x720', '720p', '360p'] }),
  fps: between(1, 240, 'frames a second').optional().meta({ description: 'Frames a second.' }),
  hardware: z
    .enum(['nvenc', 'vaapi', 'qsv'], 'Expected hardware nvenc, vaapi or qsv.')
    .optional()
    .meta({ description: 'Has a GPU encode it; the job then runs only where there is one.' }),
  startSeconds: between(0, week, 'seconds').optional().meta({ description: 'Where in the input to begin.' }),
  durationSeconds: between(0.1, week, 'seconds').optional().meta({ description: 'How much of it to take.' }),
  audio: z
    .enum(['encode', 'copy', 'none'], 'Expected audio encode, copy or none.')
    .optional()
    .meta({ description: 'What becomes of the sound.', default: 'encode' }),
  audioBitrate: bits.optional().meta({ description: 'Bits a second of the sound, such as 128k.' }),
  threads: whole(1, 256, 'threads').optional().meta({ description: 'How many threads the encoder may have.' }),
  quality: z
    .boolean('Expected quality true or false.')
    .optional()
    .meta({ description: 'Whether the output is compared with the input: VMAF, SSIM, PSNR.', default: true }),
});

export type TranscodePayload = z.output<typeof fields>;

export const transcodePayload = fields.superRefine((payload, context) => {
  for (const { path, message } of contradictions(payload)) context.addIssue({ code: 'custom', path: [path], message });
});

/** The encoders that would do, the preferred one first. */
export function encodersOf({ codec = 'h264', hardware }: TranscodePayload): readonly Encoder[] {
  return encodersFor(codec, hardware);
}

/** Hardware is asked for by the one encoder that was tried there; software encoders are chosen on the worker. */
export function requirementsOf(payload: TranscodePayload): Requirements {
  const [encoder] = encodersOf(payload);
  return encoder?.hardware ? { gpu: 1, encoder: encoder.name } : {};
}

/** The ending of a path in lower case, without its dot. */
export function endingOf(path: string): string {
  return /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
}

/** Width and height, or the height alone. */
export function sizeOf(resolution: string): readonly number[] {
  return resolution.replace('p', '').split('x').map(Number);
}

function* contradictions(payload: TranscodePayload): Generator<{ path: string; message: string }> {
  const [encoder] = encodersOf(payload);
  if (!encoder) return yield { path: 'codec', message: unknownCodec(payload) };
  const { bitrate, crf, preset, output } = payload;
  if (bitrate !== undefined && crf !== undefined)
    yield { path: 'crf', message: 'Expected bitrate or crf, got both. Leave one out.' };
  if (crf !== undefined && crf > encoder.maxCrf)
    yield { path: 'crf', message: `Expected crf from 0 to ${encoder.maxCrf} for ${encoder.name}, got ${crf}.` };
  if (preset !== undefined && !encoder.presets.includes(preset))
    yield { path: 'preset', message: unknownPreset(encoder, preset) };
  if (output !== undefined) yield* misfits(encoder, output);
}

function* misfits(encoder: Encoder, output: string): Generator<{ path: string; message: string }> {
  const ending = endingOf(output);
  const container = Object.hasOwn(containers, ending) ? containers[ending] : undefined;
  const endings = Object.keys(containers).map((name) => `.${name}`);
  if (!container)
    return yield { path: 'output', message: `Expected an output that ends in ${endings.join(', ')}, got ${output}.` };
  if (!container.codecs.includes(encoder.codec))
    yield {
      path: 'output',
      message: `Expected ${container.codecs.join(', ')} in a .${ending} file, got ${encoder.codec}.`,
    };
}

function unknownCodec({ codec = 'h264', hardware }: TranscodePayload): string {
  const fitting = encoders.filter((encoder) => encoder.hardware === hardware);
  const names = new Set(fitting.flatMap(({ codec: made, name }) => [made, name]));
  return `Expected codec to be one of ${[...names].join(', ')}${hardware ? ` with ${hardware}` : ''}, got ${codec}.`;
}

function unknownPreset({ name, presets }: Encoder, preset: string): string {
  if (presets.length === 0) return `Expected no preset, ${name} has none, got ${preset}.`;
  return `Expected a preset of ${name} (${presets.join(', ')}), got ${preset}.`;
}

function bitsPerSecond(value: number | string): number {
  if (typeof value === 'number') return Math.round(value);
  const units: Readonly<Record<string, number>> = { k: 1e3, M: 1e6 };
  return Math.round(Number.parseFloat(value) * (units[value.at(-1) ?? ''] ?? 1));
}
