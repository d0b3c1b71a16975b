/**
 * Files of jobs: inputs for handlers, and what handlers wrote.
 */

import type { Client } from '../cluster/client.ts';
import type { FileBytes, FileView, OpenFile } from '../runtime/handler.ts';

export class Files {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Puts an input of the job with this id, which need not be there yet and must not run yet. It takes the place of one of the same name.
   * It goes with its job; where none is submitted, within the second hour.
   *
   * @throws {Fault} `input.invalid`, `job.refused`, `file.large` above 1 GiB, `store.full`
   * @example
   * await yard.files.put('holiday', 'clip.mp4', createReadStream('clip.mp4'), { type: 'video/mp4' });
   * await yard.submit('shrink', { clip: 'clip.mp4' }, { id: 'holiday' });
   */
  put(
    job: string,
    name: string,
    bytes: FileBytes,
    options: { type?: string | undefined; size?: number | undefined } = {},
  ): Promise<FileView> {
    return this.#client.files.putInput(job, name, { ...options, bytes });
  }

  /** What was put. Its bytes are read as they are asked for. @throws {Fault} `file.missing` */
  input(job: string, name: string): Promise<OpenFile> {
    return this.#client.files.input(job, name);
  }

  /**
   * What the last attempt of a job wrote. @throws {Fault} `job.missing`, `file.missing`
   *
   * @example await pipeline((await yard.files.output('holiday', 'small.mp4')).bytes, createWriteStream('small.mp4'));
   */
  output(job: string, name: string): Promise<OpenFile> {
    return this.#client.files.output(job, name);
  }
}
