/**
 * What the demonstration works on: a clip that is made, or the file that a person named; and what this machine can
 * make of it.
 */

import { realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Stage } from '../../../cluster/stage.ts';
import { UsageError } from '../exit.ts';
import { likedCodecs, type Material } from './plan.ts';

const clip = { seconds: 20, width: 640, height: 360, fps: 25 };

/** A clip that is made in `folder`. @throws {Fault} `tool.missing` */
export async function madeMaterial(stage: Stage, folder: string): Promise<Material> {
  const input = join(folder, 'clip.mp4');
  await stage.makeClip({ path: input, ...clip });
  return { input, seconds: clip.seconds, codecs: await stage.makeable(likedCodecs) };
}

/** The file that a person named. @throws {UsageError} where it is no video. */
export async function namedMaterial(stage: Stage, path: string, directory: string): Promise<Material> {
  const input = await realpath(resolve(directory, path)).catch(() => undefined);
  if (input === undefined) throw new UsageError(`Expected --input to name a file, there is none at ${path}.`);
  // Folders that a worker may read are told in a list with commas between them.
  if (input.includes(','))
    throw new UsageError(`Expected --input without a comma in its path, got ${input}. Rename it.`);
  const { video, durationSeconds } = await stage.look(input);
  if (video === undefined || durationSeconds === undefined)
    throw new UsageError(
      `Expected --input to be a video of known length, got ${path}, which is none. Name another file.`,
    );
  return { input, seconds: durationSeconds, codecs: await stage.makeable(likedCodecs) };
}
