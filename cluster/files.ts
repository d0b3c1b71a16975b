/**
 * Files of jobs as people have them: inputs are put before a job runs, often before it is submitted; outputs are those of the last
 * attempt.
 */

import { idPattern } from '../actors/admission.ts';
import { type FileGiven, Files } from '../actors/file.ts';
import { isActive, isSettled } from '../machines/job.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { inputName, outputName } from '../runtime/file.ts';
import type { FileView, OpenFile } from '../runtime/handler.ts';
import type { World } from '../runtime/ports.ts';

export type { FileGiven };

interface FileOptions {
  world: Pick<World, 'store' | 'blobs'>;
  clock: Clock;
  tenant: string;
}

export class FileVerbs {
  readonly #options: FileOptions;
  readonly #files: Files;

  constructor(options: FileOptions) {
    this.#options = options;
    this.#files = new Files(options.world, options.clock);
  }

  /** @throws {Fault} `input.invalid`, `job.refused` where the job runs or has settled, `file.large`, `store.full` */
  async putInput(job: string, name: string, given: FileGiven): Promise<FileView> {
    const key = this.#keyOf(job);
    await this.#expectWaiting(key, job);
    return await this.#files.put(inputName(key, name), name, given);
  }

  /** @throws {Fault} `file.missing` */
  async input(job: string, name: string): Promise<OpenFile> {
    const found = await this.#files.open(inputName(this.#keyOf(job), name), name);
    return found ?? missing(`an input ${name} of ${job}, found none`);
  }

  /** @throws {Fault} `job.missing`, `file.missing` */
  async output(job: string, name: string): Promise<OpenFile> {
    const key = this.#keyOf(job);
    const record = (await this.#options.world.store.read(key))?.record;
    if (record === undefined)
      throw new Fault('job.missing', `Expected a job with id ${job}, found none.`, { facts: { id: job } });
    const { attempt } = record.context;
    const found = await this.#files.open(outputName(key, attempt, name), name);
    return (
      found ?? missing(`attempt ${attempt} of ${job}, which is ${record.state}, to have written ${name}, it has not`)
    );
  }

  async #expectWaiting(key: string, job: string): Promise<void> {
    const state = (await this.#options.world.store.read(key))?.record.state;
    if (state === undefined || !(isActive(state) || isSettled(state))) return;
    throw new Fault(
      'job.refused',
      `Expected a job that does not run yet, got ${job}, which is ${state}. Put its inputs before it is submitted, or submit it on hold.`,
    );
  }

  /** @throws {Fault} `input.invalid` */
  #keyOf(job: string): string {
    if (idPattern.test(job)) return `${this.#options.tenant}.${job}`;
    throw new Fault('input.invalid', `Expected the id of a job, got \`${job.slice(0, 80)}\`. Correct it.`);
  }
}

function missing(what: string): never {
  throw new Fault('file.missing', `Expected ${what}. Names and attempts are in the job and its result.`);
}
