/**
 * A worker in this very process: takes jobs of your types until it is drained.
 */

import { loggedTelemetry } from '../cluster/process-log.ts';
import { startWorker } from '../cluster/worker.ts';
import type { JobDefinition } from '../runtime/handler.ts';
import { type ConnectOptions, settingsOf } from './connect.ts';

export interface WorkOptions extends ConnectOptions {
  /** Job types to take; those that were handed in unless given. Types that ship can be named too. */
  types?: readonly string[];
  /** Slots: jobs of one slot that run at the same time; 12 unless given. */
  concurrency?: number;
  /** What people call this worker; host and process unless given. */
  name?: string;
  /** For jobs that ask for them. */
  labels?: Readonly<Record<string, string>>;
  /** Capacity that is declared, not measured, such as `gpu=1,vram=16000,encoder=h264_nvenc`. */
  advertise?: string;
  /** How long running jobs may take to finish once it is drained, ms. */
  drainDeadline?: number;
  /** Whether webhooks may be told of at addresses in private networks, where it serves the type `webhook`. */
  webhookPrivate?: boolean;
  /** The least important line that is logged to standard error; `warn` unless given. */
  logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** A worker that takes jobs. */
export interface Work extends AsyncDisposable {
  readonly incarnation: string;
  /** Takes nothing more and resolves when what runs has ended; called again, hands it back at once. */
  drain(): Promise<void>;
}

/**
 * Starts a worker with these job types.
 *
 * @throws {Fault} `broker.unreachable`, `option.invalid`, …
 * @example await using worker = await work([greet], { concurrency: 4 });
 */
export async function work(definitions: readonly JobDefinition[], options: WorkOptions = {}): Promise<Work> {
  const types = options.types ?? definitions.map(({ type }) => type);
  const settings = await settingsOf({ ...options, types }, 'worker');
  const telemetry = loggedTelemetry({ options: settings, role: 'worker', level: 'warn' });
  const worker = await startWorker({ options: settings, telemetry, definitions });
  const drain = () => worker.drain();
  return {
    get incarnation() {
      return worker.incarnation;
    },
    drain,
    [Symbol.asyncDispose]: drain,
  };
}
