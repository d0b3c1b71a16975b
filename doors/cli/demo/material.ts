/**
 * What the demonstration works on: a clip that is made, or the file that a person named; and what this machine can
 * make of it.
 */

import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stage } from '../../../cluster/stage.ts';
import { UsageError } from '../exit.ts';
import { type Clip, likedCodecs, longSeconds, type Material } from './plan.ts';

/** A clip that is made in `folder`. @throws {Fault} `tool.missing` */
export async function madeMaterial(stage: Stage, folder: string): Promise<Material> {
  const clip = await make(stage, folder);
  return { clip, long: clip, codecs: await stage.makeable(likedCodecs) };
}

/**
 * The file that a person named; one that is short gets a longer one beside it, made in `folder`.
 *
 * @throws {UsageError} where it is no video.
 */
export async function namedMaterial(stage: Stage, path: string, folder: string): Promise<Material> {
  const clip = await find(stage, path);
  const long = clip.seconds < longSeconds / 2 ? await make(stage, folder) : clip;
  return { clip, long, codecs: await stage.makeable(likedCodecs) };
}

async function make(stage: Stage, folder: string): Promise<Clip> {
  const input = join(folder, 'clip.mp4');
  await stage.makeClip({ path: input, seconds: longSeconds, width: 640, height: 360, fps: 25 });
  return { input, seconds: longSeconds };
}

async function find(stage: Stage, path: string): Promise<Clip> {
  const input = await realpath(path).catch(() => undefined);
  if (input === undefined) throw new UsageError(`Expected --input to name a file, there is none at ${path}.`);
  // Folders that a worker may read are told in a list with commas between them.
  if (input.includes(','))
    throw new UsageError(`Expected --input without a comma in its path, got ${input}. Rename it.`);
  const { video, durationSeconds } = await stage.look(input);
  if (video !== undefined && durationSeconds !== undefined) return { input, seconds: durationSeconds };
  throw new UsageError(
    `Expected --input to be a video of known length, got ${path}, which is none. Name another file.`,
  );
}
