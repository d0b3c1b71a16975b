/**
 * The files of a job in the hands of one attempt: it reads inputs and what other jobs wrote, and writes under its own number.
 */

import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { inputName, outputName } from '../runtime/file.ts';
import type { FileBytes, FileView, JobFiles, OpenFile } from '../runtime/handler.ts';
import type { Blobs, JobStore } from '../runtime/ports.ts';
import { type JobRecord, jobKey } from '../runtime/record.ts';
import { Files } from './file.ts';

interface AttemptFilesOptions {
  world: { store: JobStore; blobs: Blobs };
  clock: Clock;
  record: JobRecord;
  attempt: number;
}

export class AttemptFiles implements JobFiles {
  readonly #options: AttemptFilesOptions;
  readonly #files: Files;

  constructor(options: AttemptFilesOptions) {
    this.#options = options;
    this.#files = new Files(options.world, options.clock);
  }

  async read(name: string, { of }: { of?: string } = {}): Promise<OpenFile> {
    const { record } = this.#options;
    const blob = of === undefined ? inputName(jobKey(record), name) : await this.#outputOf(of, name);
    const found = blob === undefined ? undefined : await this.#files.open(blob, name);
    if (found !== undefined) return found;
    const what = of === undefined ? `an input ${name} of ${record.id}` : `a file ${name} that ${of} wrote`;
    throw new Fault('file.missing', `Expected ${what}, found none. Put it before the job is submitted.`);
  }

  write(name: string, bytes: FileBytes, { type }: { type?: string } = {}): Promise<FileView> {
    const { record, attempt } = this.#options;
    return this.#files.put(outputName(jobKey(record), attempt, name), name, { bytes, type });
  }

  async #outputOf(id: string, name: string): Promise<string | undefined> {
    const { world, record } = this.#options;
    const key = `${record.tenant}.${id}`;
    const other = (await world.store.read(key))?.record;
    return other === undefined ? undefined : outputName(key, other.context.attempt, name);
  }
}
