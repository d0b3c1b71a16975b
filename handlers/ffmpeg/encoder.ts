/**
 * The video encoders of ffmpeg that a job may name, and how each wants its preset and its quality told.
 *
 * Pure data. Whether an encoder works on this machine is not known here: `tool.ts` tries it.
 */

export type Hardware = 'nvenc' | 'vaapi' | 'qsv';

export interface Encoder {
  /** As ffmpeg calls it. */
  readonly name: string;
  readonly codec: string;
  readonly hardware?: Hardware;
  readonly presets: readonly string[];
  readonly maxCrf: number;
  preset(name: string): readonly string[];
  crf(value: number): readonly string[];
  /** Options before the input. */
  readonly device: readonly string[];
  /** What the encoder always needs. */
  readonly always: readonly string[];
  /** The last filter of the chain: brings frames into the form that the encoder takes. */
  readonly format: string;
}

const x26 = ['ultrafast', 'superfast', 'veryfast', 'faster', 'fast', 'medium', 'slow', 'slower', 'veryslow', 'placebo'];
const numbers = (last: number) => Array.from({ length: last + 1 }, (_, n) => String(n));

const plain = {
  presets: x26,
  maxCrf: 51,
  preset: (name: string) => ['-preset', name],
  crf: (value: number) => ['-crf', String(value)],
  device: [],
  always: [],
  format: 'format=yuv420p',
};

const byCpuUsed = {
  ...plain,
  presets: numbers(8),
  maxCrf: 63,
  preset: (name: string) => ['-cpu-used', name],
  crf: (value: number) => ['-crf', String(value), '-b:v', '0'],
};

const nvenc = {
  ...plain,
  hardware: 'nvenc' as const,
  presets: ['p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'fast', 'medium', 'slow'],
  crf: (value: number) => ['-rc', 'vbr', '-cq', String(value), '-b:v', '0'],
};

const vaapi = {
  ...plain,
  hardware: 'vaapi' as const,
  presets: [],
  crf: (value: number) => ['-qp', String(value)],
  device: ['-vaapi_device', '/dev/dri/renderD128'],
  format: 'format=nv12,hwupload',
};

const qsv = {
  ...plain,
  hardware: 'qsv' as const,
  presets: ['veryfast', 'faster', 'fast', 'medium', 'slow', 'slower', 'veryslow'],
  crf: (value: number) => ['-global_quality', String(value)],
  format: 'format=nv12',
};

/** Software first, and of each codec the preferred encoder first. */
export const encoders: readonly Encoder[] = [
  { ...plain, name: 'libx264', codec: 'h264' },
  { ...plain, name: 'libx265', codec: 'h265' },
  { ...byCpuUsed, name: 'libvpx', codec: 'vp8', always: ['-deadline', 'good'] },
  { ...byCpuUsed, name: 'libvpx-vp9', codec: 'vp9', always: ['-deadline', 'good', '-row-mt', '1'] },
  { ...plain, name: 'libsvtav1', codec: 'av1', presets: numbers(13), maxCrf: 63 },
  { ...byCpuUsed, name: 'libaom-av1', codec: 'av1', always: ['-strict', 'experimental'] },
  {
    ...plain,
    name: 'mpeg4',
    codec: 'mpeg4',
    presets: [],
    maxCrf: 31,
    crf: (value) => ['-q:v', String(Math.max(1, value))],
  },
  { ...nvenc, name: 'h264_nvenc', codec: 'h264' },
  { ...nvenc, name: 'hevc_nvenc', codec: 'h265' },
  { ...nvenc, name: 'av1_nvenc', codec: 'av1' },
  { ...vaapi, name: 'h264_vaapi', codec: 'h264' },
  { ...vaapi, name: 'hevc_vaapi', codec: 'h265' },
  { ...vaapi, name: 'vp9_vaapi', codec: 'vp9' },
  { ...vaapi, name: 'av1_vaapi', codec: 'av1' },
  { ...qsv, name: 'h264_qsv', codec: 'h264' },
  { ...qsv, name: 'hevc_qsv', codec: 'h265' },
  { ...qsv, name: 'vp9_qsv', codec: 'vp9' },
  { ...qsv, name: 'av1_qsv', codec: 'av1' },
];

const aliases: Readonly<Record<string, string>> = { hevc: 'h265', avc: 'h264', x264: 'libx264', x265: 'libx265' };

/** The encoders that make `codec` (a codec or an encoder's name), on `hardware` where given; preferred first. */
export function encodersFor(codec: string, hardware?: Hardware): readonly Encoder[] {
  const name = aliases[codec] ?? codec;
  const exact = encoders.filter((encoder) => encoder.name === name);
  if (exact.length > 0) return hardware ? exact.filter((encoder) => encoder.hardware === hardware) : exact;
  return encoders.filter((encoder) => encoder.codec === name && encoder.hardware === hardware);
}
