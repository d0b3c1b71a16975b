/**
 * The arguments of ffmpeg for one job. Pure: payload, encoder and media in, words out.
 */

import type { Encoder } from '../ffmpeg/encoder.ts';
import type { Input } from './input.ts';
import { containers, endingOf, sizeOf, type TranscodePayload } from './payload.ts';

/** Keeps stdout and stderr clean: progress goes to descriptor 3, and `bench:` lines tell CPU seconds. */
const quiet = [
  '-nostdin',
  '-hide_banner',
  '-nostats',
  '-loglevel',
  'repeat+info',
  '-progress',
  'pipe:3',
  '-benchmark',
  '-y',
];

export interface CommandOptions {
  payload: TranscodePayload;
  encoder: Encoder;
  input: Pick<Input, 'url' | 'options'>;
  /** A path; its ending picks the container. */
  output: string;
}

export function transcodeArgs({ payload, encoder, input, output }: CommandOptions): readonly string[] {
  const { startSeconds, durationSeconds, threads } = payload;
  const container = containers[endingOf(output)];
  return [
    ...quiet,
    ...encoder.device,
    ...option('-ss', startSeconds),
    ...input.options,
    ...['-i', input.url],
    ...['-map', '0:v:0', ...(payload.audio === 'none' ? [] : ['-map', '0:a:0?']), '-sn', '-dn'],
    ...option('-t', durationSeconds),
    ...videoArgs(payload, encoder),
    ...audioArgs(payload, container?.audio ?? 'aac'),
    ...option('-threads', threads),
    ...muxArgs(encoder, container?.format ?? 'mp4'),
    `file:${output}`,
  ];
}

function videoArgs({ preset, bitrate, crf, fps, resolution }: TranscodePayload, encoder: Encoder): readonly string[] {
  return [
    ...[
      '-vf',
      [
        ...option('fps', fps)
          .slice(1)
          .map((rate) => `fps=${rate}`),
        scale(resolution),
        encoder.format,
      ].join(','),
    ],
    ...['-c:v', encoder.name, ...encoder.always],
    ...(preset === undefined ? [] : encoder.preset(preset)),
    ...(crf === undefined ? [] : encoder.crf(crf)),
    ...option('-b:v', bitrate),
  ];
}

/** Sides are always even: most encoders store colour for squares of four points. */
function scale(resolution: string | undefined): string {
  if (resolution === undefined) return 'scale=trunc(iw/2)*2:trunc(ih/2)*2';
  const [first = 0, second] = sizeOf(resolution);
  return second === undefined ? `scale=-2:${first}` : `scale=${first}:${second},setsar=1`;
}

function audioArgs({ audio = 'encode', audioBitrate }: TranscodePayload, codec: string): readonly string[] {
  if (audio === 'none') return ['-an'];
  return audio === 'copy' ? ['-c:a', 'copy'] : ['-c:a', codec, ...option('-b:a', audioBitrate ?? 128_000)];
}

function muxArgs(encoder: Encoder, format: string): readonly string[] {
  const isMp4 = format === 'mp4' || format === 'mov';
  return [
    ...(isMp4 ? ['-movflags', '+faststart'] : []),
    ...(isMp4 && encoder.codec === 'h265' ? ['-tag:v', 'hvc1'] : []),
    ...['-f', format],
  ];
}

function option(name: string, value: number | undefined): readonly string[] {
  return value === undefined ? [] : [name, String(value)];
}
