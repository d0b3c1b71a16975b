/**
 * What a demonstration needs beside a cluster: a clip, a look at media files, and a bare hand on the wire, so that
 * what is shown is the door that everybody has and not our own client.
 */

import { makeClip } from '../handlers/ffmpeg/clip.ts';
import { encoders } from '../handlers/ffmpeg/encoder.ts';
import { type Media, probeMedia } from '../handlers/ffmpeg/media.ts';
import { Ffmpeg } from '../handlers/ffmpeg/tool.ts';
import { names } from '../nats/names.ts';
import { type PlainSubmission, publishPlainly } from '../nats/plain-publish.ts';
import { SystemClock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';

export type { Media, PlainSubmission };

export class Stage {
  readonly #clock = new SystemClock();
  readonly #ffmpeg: Ffmpeg;

  /** `ffmpeg`: a program to use and no other. */
  constructor({ ffmpeg }: { ffmpeg?: string | undefined } = {}) {
    this.#ffmpeg = new Ffmpeg({ clock: this.#clock, ...(ffmpeg === undefined ? {} : { ffmpeg }) });
  }

  /** Writes a clip of a moving test picture with a tone. @throws {Fault} `tool.missing` */
  makeClip(clip: { path: string; seconds: number; width: number; height: number; fps: number }): Promise<void> {
    return makeClip({ ...clip, ffmpeg: this.#ffmpeg });
  }

  /** What a media file is. @throws {Fault} `input.invalid` where it is none. */
  async look(path: string): Promise<Media> {
    const { signal } = new AbortController();
    const found = await probeMedia(this.#ffmpeg, { input: `file:${path}`, options: [], signal });
    if (!('refusal' in found)) return found;
    throw new Fault('input.invalid', `Expected a media file at ${path}, got: ${found.refusal}. Name another file.`);
  }

  /** Those of `codecs` that can be made here, in software, in their order. */
  async makeable(codecs: readonly string[]): Promise<readonly string[]> {
    const works = await Promise.all(codecs.map((codec) => this.#isMakeable(codec)));
    return codecs.filter((_, at) => works[at]);
  }

  async #isMakeable(codec: string): Promise<boolean> {
    for (const encoder of encoders)
      if (encoder.codec === codec && encoder.hardware === undefined && (await this.#ffmpeg.works(encoder))) return true;
    return false;
  }

  /**
   * Publishes as `nats pub` does; resolves when intake has taken all in.
   *
   * @throws {Fault} `input.invalid` with intake's sentence where one was rejected.
   */
  async publish(submissions: readonly PlainSubmission[], to: { url: string; prefix: string }): Promise<void> {
    const acks = await publishPlainly(submissions, {
      address: { servers: to.url },
      names: names(to.prefix),
      clock: this.#clock,
      withinMs: 30_000,
    });
    for (const ack of acks) if ('rejected' in ack) throw new Fault('input.invalid', ack.rejected);
  }
}
