/**
 * What the processes of a cluster say, kept in files: `logs/<name>.log` in the data directory, one for each.
 *
 * A file that has grown past its limit is put aside as `<name>.log.1` when its process is first heard again, so that
 * a cluster which is started often does not fill the disk.
 */

import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

const largestBytes = 16 * 2 ** 20;

function logFolder(dataDir: string): string {
  return join(dataDir, 'logs');
}

/** The log file of one process, made ready for more. */
export function logFile(dataDir: string, name: string): string {
  mkdirSync(logFolder(dataDir), { recursive: true });
  const path = join(logFolder(dataDir), `${name}.log`);
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > largestBytes) renameSync(path, `${path}.1`);
  return path;
}

/** Takes lines of all processes and appends each to the file of its own. */
export function logWriter(dataDir: string): (from: string, line: string) => void {
  const paths = new Map<string, string>();
  return (from, line) => {
    const path = paths.get(from) ?? logFile(dataDir, from);
    paths.set(from, path);
    appendFileSync(path, `${line}\n`);
  };
}
