/**
 * A job that was submitted, in the hands of its submitter.
 */

import type { Client } from '../cluster/client.ts';
import type { LogOptions } from '../cluster/log-reader.ts';
import type { WaitOptions } from '../cluster/watch.ts';
import type { Durability, LogLine } from '../runtime/ports.ts';
import type { JobRecord, Transition } from '../runtime/record.ts';
import { resultOf } from './job-failed.ts';

export class JobHandle<Result = unknown> {
  readonly id: string;
  /** Whether this submission created it; `false` where an earlier one of the same was found. */
  readonly created: boolean;
  /** Whether it is another submission's, with which this one is one by its unique rule (`uniqueConflict: 'coalesce'`). */
  readonly coalesced: boolean;
  /** What its submission survives: see "What an acknowledgement survives" in `docs/guarantees.md`. */
  readonly durability: Durability;
  readonly #client: Client;

  constructor(client: Client, job: { id: string; created: boolean; coalesced: boolean; durability: Durability }) {
    this.#client = client;
    this.id = job.id;
    this.created = job.created;
    this.coalesced = job.coalesced;
    this.durability = job.durability;
  }

  /** Its record as it is now; `undefined` once it is so long settled that it was forgotten. */
  job(): Promise<JobRecord | undefined> {
    return this.#client.job(this.id);
  }

  /** Every transition once and in order, from its first to the one that settles it. */
  watch(options: { signal?: AbortSignal } = {}): AsyncIterable<Transition> {
    return this.#client.watch(this.id, options);
  }

  /** Its record once it is settled. @throws {Fault} `wait.timedOut` */
  settled(options: WaitOptions = {}): Promise<JobRecord> {
    return this.#client.settled(this.id, options);
  }

  /**
   * What its handler returned, as soon as it has.
   *
   * @throws {JobFailed} where it failed or was cancelled. {Fault} `wait.timedOut`; `blob.missing` where it is lost
   */
  result(options?: WaitOptions): Promise<Result>;
  async result(options: WaitOptions = {}): Promise<unknown> {
    return resultOf(await this.#client.outcome(this.id, options));
  }

  /** Cancels it: at once where no worker holds it, else its worker is asked to. @throws {Fault} `job.refused` */
  cancel({ reason }: { reason?: string } = {}): Promise<JobRecord> {
    return this.#client.act(this.id, { verb: 'cancel', reason });
  }

  /** What its handler logged, as `Yard.logs`. */
  logs(options: LogOptions = {}): AsyncIterable<LogLine> {
    return this.#client.logs(this.id, options);
  }
}
