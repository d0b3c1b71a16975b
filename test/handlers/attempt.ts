/**
 * One attempt without a cluster: gives a handler its `JobRun` and keeps what it reports.
 */

import { EventEmitter, once } from 'node:events';
import type { JobDefinition, JobFiles, ProgressReport } from '../../runtime/handler.ts';

export interface AttemptOptions {
  id?: string;
  attempt?: number;
  holdsFence?(): Promise<boolean>;
  /** GPUs of the attempt; absent on a worker without any. */
  devices?: readonly string[];
  /** Results of the jobs that it waited for. */
  inputs?: Readonly<Record<string, unknown>>;
  /** What an earlier attempt has saved. */
  saved?: unknown;
}

const noFiles: JobFiles = {
  read: (name) => Promise.reject(new Error(`Expected no handler to read ${name}.`)),
  write: (name) => Promise.reject(new Error(`Expected no handler to write ${name}.`)),
};

/** Checks the payload as a door would, then runs the handler. */
export class Attempt<Payload, Result> {
  readonly reports: ProgressReport[] = [];
  readonly checkpoints: unknown[] = [];
  readonly lines: { line: string; stream: string }[] = [];
  readonly #happened = new EventEmitter();
  readonly #stop = new AbortController();
  readonly #definition: JobDefinition<Payload, Result>;
  readonly #options: AttemptOptions;

  constructor(definition: JobDefinition<Payload, Result>, options: AttemptOptions = {}) {
    this.#definition = definition;
    this.#options = options;
  }

  async run(payload: unknown): Promise<Result> {
    const checked = await this.#definition.payload['~standard'].validate(payload);
    if (checked.issues) throw new Error(`Refused: ${checked.issues.map((issue) => issue.message).join(' ')}`);
    const { id = 'j1', attempt = 1, holdsFence = async () => true, devices, inputs = {}, saved } = this.#options;
    return this.#definition.run({
      ...{ id, tenant: 'default', type: this.#definition.type, payload: checked.value, holdsFence },
      ...{ fence: { job: id, attempt }, signal: this.#stop.signal },
      ...(devices === undefined ? {} : { devices }),
      ...{ inputs, waitedFor: [], files: noFiles },
      ...(saved === undefined ? {} : { saved }),
      checkpoint: (value) => void this.checkpoints.push(value),
      progress: (report) => {
        this.reports.push(report);
        this.#happened.emit('progress');
      },
      log: (line, stream = 'stdout') => {
        this.lines.push({ line, stream });
        this.#happened.emit('log');
      },
    });
  }

  abort(reason: Error): void {
    this.#stop.abort(reason);
  }

  /** The next sign of life. */
  async next(kind: 'progress' | 'log'): Promise<void> {
    await once(this.#happened, kind);
  }
}

/** What the sentence of a refusal is, or that there was none. */
export async function issuesOf(definition: JobDefinition, payload: unknown): Promise<readonly string[]> {
  const checked = await definition.payload['~standard'].validate(payload);
  return (checked.issues ?? []).map((issue) => issue.message);
}
