/**
 * Whether the disk has room for an output, asked before the work is done for nothing.
 */

import { statfs } from 'node:fs/promises';
import { refused } from './place.ts';

export interface DiskRules {
  /** No output is begun on a disk that is fuller than this, 0 to 100. */
  fullPercent: number;
}

/** About how large the output becomes, or `undefined` where nothing tells. */
export function estimateBytes(about: { bitrate?: number; seconds?: number; inputBytes?: number }): number | undefined {
  const { bitrate, seconds, inputBytes } = about;
  if (bitrate !== undefined && seconds !== undefined) return Math.ceil((bitrate * seconds) / 8);
  return inputBytes;
}

/** @throws JobError where the disk is too full, or the output would not fit. */
export async function checkDisk(
  folder: string,
  needBytes: number | undefined,
  { fullPercent }: DiskRules,
): Promise<void> {
  const { blocks, bavail, bsize } = await statfs(folder);
  const used = blocks === 0 ? 0 : 100 * (1 - bavail / blocks);
  if (used > fullPercent)
    throw refused(
      `Expected the disk of ${folder} to be at most ${fullPercent} % full, it is ${used.toFixed(1)} %. Free some space.`,
    );
  const free = bavail * bsize;
  if (needBytes !== undefined && needBytes * 1.1 > free)
    throw refused(
      `Expected about ${size(needBytes)} free in ${folder} for the output, there is ${size(free)}. Free some space.`,
    );
}

function size(bytes: number): string {
  const step = Math.min(4, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** step).toFixed(step === 0 ? 0 : 1)} ${['B', 'kB', 'MB', 'GB', 'TB'][step]}`;
}
