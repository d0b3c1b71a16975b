/**
 * Beginnings for those who submit: what is often asked of the types that ship.
 */

export interface Preset {
  name: string;
  type: string;
  payload: unknown;
  options?: Readonly<Record<string, string>>;
}

export const presets: readonly Preset[] = [
  {
    name: 'Transcode for the web: H.264, 720p',
    type: 'transcode',
    payload: { input: 'in.mov', output: 'out.mp4', codec: 'h264', preset: 'veryfast', crf: 23, resolution: '720p' },
  },
  {
    name: 'Transcode for the archive: H.265, slow and small',
    type: 'transcode',
    payload: { input: 'in.mov', output: 'out.mkv', codec: 'h265', preset: 'slow', crf: 24 },
    options: { queue: 'batch', priority: 'low' },
  },
  {
    name: 'Transcode a preview: ten seconds, 360p, no sound',
    type: 'transcode',
    payload: { input: 'in.mov', output: 'preview.mp4', resolution: '360p', durationSeconds: 10, audio: 'none' },
    options: { priority: 'high' },
  },
  {
    name: 'Transcode on a GPU: H.264 by NVENC',
    type: 'transcode',
    payload: { input: 'in.mov', output: 'out.mp4', codec: 'h264', hardware: 'nvenc', bitrate: '5M' },
    options: { queue: 'live' },
  },
  { name: 'Nothing, at once', type: 'noop', payload: {} },
  { name: 'Sleep for five seconds', type: 'sleeper', payload: { executionTimeMs: 5_000 } },
  { name: 'Fail twice, then succeed', type: 'flaky', payload: { failAttempts: 2 } },
  { name: 'Always fail', type: 'always_fail', payload: {} },
];
