/**
 * What a media file is, read from what `ffmpeg -i` says about it; no ffprobe is needed.
 *
 * Parses the text of ffmpeg 4 to 8. What the text does not tell is absent.
 */

import type { Ffmpeg } from './tool.ts';

export interface Media {
  container?: string;
  durationSeconds?: number;
  video?: { codec: string; width: number; height: number; fps?: number };
  hasAudio: boolean;
}

/** What ffmpeg found, or the sentence with which it refused the input. `options` stand before the input. */
export async function probeMedia(
  ffmpeg: Ffmpeg,
  { input, options, signal }: { input: string; options: readonly string[]; signal: AbortSignal },
): Promise<Media | { refusal: string }> {
  const args = [...options, '-i', input];
  const { stderr, exitCode, timedOut } = await ffmpeg.ask(args, { signal, timeoutMs: 120_000 });
  if (timedOut) return { refusal: 'it could not be opened within 2 minutes' };
  if (stderr === '') return { refusal: `ffmpeg ended with ${exitCode} and said nothing` };
  return parseMedia(stderr) ?? { refusal: refusalIn(stderr, input) };
}

/** Reads the text that `ffmpeg -i` writes to stderr; `undefined` where it opened nothing. */
export function parseMedia(text: string): Media | undefined {
  const opened = /^Input #0, (.+?), from /m.exec(text);
  if (!opened) return undefined;
  const video = parseVideo(text);
  const durationSeconds = parseDuration(text);
  return {
    container: opened[1] ?? '',
    hasAudio: /^\s+Stream #0:\d+.*?: Audio: /m.test(text),
    ...(durationSeconds === undefined ? {} : { durationSeconds }),
    ...(video === undefined ? {} : { video }),
  };
}

function parseDuration(text: string): number | undefined {
  const [, hours, minutes, seconds] = /^\s+Duration: (\d+):(\d+):([\d.]+)/m.exec(text) ?? [];
  return seconds === undefined ? undefined : Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** The first picture stream that is no cover art. */
function parseVideo(text: string): Media['video'] {
  const lines = text.split('\n').filter((line) => /^\s+Stream #0:\d+.*?: Video: /.test(line));
  const line = lines.find((candidate) => !candidate.includes('(attached pic)'));
  const [, codec, width, height] = /: Video: (\w+).*?, (\d{1,5})x(\d{1,5})[\s,]/.exec(`${line ?? ''},`) ?? [];
  if (line === undefined || codec === undefined) return undefined;
  const fps = /, ([\d.]+)(k?) (?:fps|tbr)/.exec(line);
  const size = { codec, width: Number(width), height: Number(height) };
  return fps ? { ...size, fps: Number(fps[1]) * (fps[2] === 'k' ? 1000 : 1) } : size;
}

/** ffmpeg's last line without the name of the input and of the part that wrote it. */
function refusalIn(stderr: string, input: string): string {
  if (stderr.includes('not on whitelist')) return 'a list of other inputs, or a format that is not taken';
  const last = stderr.split('\n').at(-1) ?? '';
  const bare = last
    .replaceAll(input, '')
    .replace(/^\[[^\]]*\]\s*/, '')
    .replace(/^(Error opening input[^:]*)?[:\s]+/, '');
  return bare === '' ? 'it could not be opened' : bare;
}
