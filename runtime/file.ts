/**
 * Files of a job: inputs, which somebody puts there for its handler, and outputs, which its attempts write. They lie in the object
 * store beside what is put aside, under names that say whose they are, so no record has to name them.
 *
 * An output bears the number of its attempt, which is never used twice: what a stale worker writes takes the place of nothing.
 */

import type { JobRecord } from './record.ts';

/** As many bytes one file may have. */
export const fileAtMost = 1_024 * 1_024 * 1_024;

/** What files may be called: what needs no escape in any address, and is no path. */
export const fileNamePattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/;

export const plainType = 'application/octet-stream';

const names = /^file\/([^/]+)\/(?:in|out\/(\d+))\/[^/]+$/;

export function inputName(key: string, name: string): string {
  return `file/${key}/in/${name}`;
}

export function outputName(key: string, attempt: number, name: string): string {
  return `file/${key}/out/${attempt}/${name}`;
}

/** The key of the job of which a file of this name is; `undefined` where it is of none. */
export function keyOfFile(blob: string): string | undefined {
  return names.exec(blob)?.[1];
}

/** Whether the job of this record still has this file: its inputs, and the outputs of its last attempt. */
export function hasFile(record: JobRecord, blob: string): boolean {
  const [, , attempt] = names.exec(blob) ?? [];
  return attempt === undefined ? keyOfFile(blob) !== undefined : Number(attempt) === record.context.attempt;
}
