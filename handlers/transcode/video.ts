/**
 * Opening a video: what it is, or a sentence why it is none.
 */

import { JobError } from '../../runtime/handler.ts';
import { type Media, probeMedia } from '../ffmpeg/media.ts';
import type { Ffmpeg } from '../ffmpeg/tool.ts';
import type { Input } from './input.ts';
import { refused } from './place.ts';

export type Video = Media & Required<Pick<Media, 'video'>>;

/** @throws JobError that says what the input is instead. */
export async function openVideo(ffmpeg: Ffmpeg, input: Input, signal: AbortSignal): Promise<Video> {
  const media = await probeMedia(ffmpeg, { input: input.url, options: input.options, signal });
  if ('refusal' in media) throw unopened(input, media.refusal);
  if (!media.video) throw refused(`Expected a video in ${input.shown}, found none. Check the input.`);
  return { ...media, video: media.video };
}

/** What a network says when it may do better later. */
const passing = /refused|timed out|reset|unreachable|resolve|input\/output|end of file|within|\b429\b|\b5(\d\d|XX)\b/i;

/** What is away for the moment may come back; what is no media file will never be one. */
function unopened({ file, shown }: Input, refusal: string): JobError {
  const message = `Expected ${shown} to be a media file that ffmpeg can read, got: ${refusal}. Check the input.`;
  return new JobError(message, { retryable: file === undefined && passing.test(refusal) });
}
