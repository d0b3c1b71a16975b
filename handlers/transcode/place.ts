/**
 * Folders that a job may use, and whether a path stays inside them, symbolic links included.
 */

import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import { JobError } from '../../runtime/handler.ts';

/** A job that no other try can help. */
export function refused(message: string, cause?: unknown): JobError {
  return new JobError(message, { retryable: false, cause });
}

/** Whether `path` is `folder` or lies beneath it, by their texts alone. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** The real path, or the system's code for why there is none, such as `ENOENT`. */
export async function reach(path: string): Promise<{ path: string } | { code: string }> {
  try {
    return { path: await realpath(path) };
  } catch (cause) {
    return { code: codeOf(cause) };
  }
}

/** The system's code of an error that was thrown by `node:fs`. */
export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'UNKNOWN';
}
