/**
 * A clip that is made, not filmed: a moving test picture with a tone. For demonstrations, benches and tests.
 */

import { Fault } from '../../runtime/faults.ts';
import type { Ffmpeg } from './tool.ts';

export interface ClipOptions {
  ffmpeg: Ffmpeg;
  /** The file to write; its ending picks the container. */
  path: string;
  seconds: number;
  width?: number;
  height?: number;
  fps?: number;
  sound?: boolean;
}

/** Writes an H.264 clip. @throws Fault `tool.missing` without ffmpeg or without libx264 in it. */
export async function makeClip(options: ClipOptions): Promise<void> {
  const { ffmpeg, path, seconds, width = 160, height = 120, fps = 15, sound = true } = options;
  const picture = ['-f', 'lavfi', '-i', `testsrc2=size=${width}x${height}:rate=${fps}:duration=${seconds}`];
  const tone = sound ? ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`, '-c:a', 'aac'] : [];
  const video = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];
  const { exitCode, stderr } = await ffmpeg.ask(['-v', 'error', '-y', ...picture, ...tone, ...video, `file:${path}`]);
  if (exitCode !== 0) throw new Fault('tool.missing', `Expected ffmpeg to make a clip at ${path}, it said: ${stderr}`);
}
