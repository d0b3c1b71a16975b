/**
 * What a transcode job tells when it is done.
 */

import type { Encoded } from './encode.ts';
import type { Energy } from './energy.ts';
import type { Quality } from './quality.ts';
import type { Video } from './video.ts';

export interface TranscodeResult {
  output: string;
  sizeBytes: number;
  durationSeconds?: number;
  width: number;
  height: number;
  /** Frames encoded for each second of work. */
  fps: number;
  /** Seconds of media for each second of work. */
  speed?: number;
  encoder: string;
  quality: Quality;
  energy?: Energy;
  /** Pixels × (VMAF / 100) / joules; absent without VMAF. */
  qoeEfficiency?: number;
}

export interface Outcome {
  output: string;
  encoder: string;
  made: Video;
  encoded: Encoded;
  energy: Energy | undefined;
  quality: Quality;
  sizeBytes: number;
}

/** Figures that could not be had are absent. */
export function resultOf({ output, encoder, made, encoded, energy, quality, sizeBytes }: Outcome): TranscodeResult {
  const { width, height } = made.video;
  const { durationSeconds } = made;
  const { frames, seconds } = encoded;
  const qoe = qoeEfficiency(width * height * frames, quality, energy);
  return {
    ...{ output, sizeBytes, width, height, encoder, quality },
    ...(durationSeconds === undefined ? {} : { durationSeconds, speed: round(durationSeconds / seconds) }),
    fps: round(frames / seconds),
    ...(energy === undefined ? {} : { energy }),
    ...(qoe === undefined ? {} : { qoeEfficiency: qoe }),
  };
}

function qoeEfficiency(pixels: number, { vmaf }: Quality, energy: Energy | undefined): number | undefined {
  if (vmaf === undefined || !energy || energy.joules <= 0) return undefined;
  return Math.round((pixels * (vmaf / 100)) / energy.joules);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
