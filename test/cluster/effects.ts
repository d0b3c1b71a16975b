/**
 * What handlers did, seen from outside of the cluster: lines in a file, one for each beginning and end of a handler.
 *
 * Written by the handlers in `jobs.ts`, in whatever process they run; read by the tests.
 */

import { appendFileSync, type FSWatcher, watch, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

export interface Effect {
  what: 'begins' | 'ends' | 'is told to stop';
  job: string;
  attempt: number;
  pid: number;
  /** Milliseconds of this machine's monotonic clock. */
  at: number;
}

/** Adds a line; short ones are appended whole, whoever else writes. */
export function addEffect(path: string, effect: Effect): void {
  appendFileSync(path, `${JSON.stringify(effect)}\n`);
}

export class Effects {
  readonly path: string;
  readonly #watcher: FSWatcher;

  constructor(path: string, onChange: () => void) {
    writeFileSync(path, '');
    this.path = path;
    this.#watcher = watch(path, onChange);
  }

  async all(): Promise<readonly Effect[]> {
    const lines = (await readFile(this.path, 'utf8')).trim().split('\n');
    return lines.filter((line) => line !== '').map((line): Effect => JSON.parse(line));
  }

  close(): void {
    this.#watcher.close();
  }
}
