/**
 * For tests of your own job types (`yardmaster/testing`): a whole yard in this process, on a clock that you move by hand.
 *
 * Masters, workers and their rules are the real ones; only the broker lives in memory. So an hour of retries, delays and
 * schedules passes in moments, and nothing has to be installed or started.
 */

import { MemoryCluster } from '../cluster/memory-cluster.ts';
import type { Duration, Moment } from '../cluster/submit-options.ts';
import type { JobDefinition } from '../runtime/handler.ts';
import { Yard } from './yard.ts';

export interface TestYardOptions {
  /** What time it is at first; the beginning of 2027, UTC, unless given. */
  startAt?: Moment;
  /** Decides everything that is left to chance, such as the jitter of a backoff; the same seed, the same test. */
  seed?: number;
  /** Slots of its worker; 12 unless given. */
  concurrency?: number;
  /** What its worker has, such as `gpu=1,vram=16000,encoder=h264_nvenc`; no GPU, and room enough, unless given. */
  advertise?: string;
}

/** How the clock is moved. */
export interface MoveOptions {
  /** Moves it on while handlers run, without waiting for them: for timeouts, and for cancelling what runs. */
  whileRunning?: boolean;
}

export class TestYard implements AsyncDisposable {
  /** What `connect` resolves with: submit to it and look at it as in production. */
  readonly yard: Yard;
  readonly #cluster: MemoryCluster;

  constructor(cluster: MemoryCluster) {
    this.yard = new Yard(cluster.client);
    this.#cluster = cluster;
  }

  /** What time it is, epoch ms. */
  now(): number {
    return this.yard.now();
  }

  /**
   * Lets time pass: whatever comes due on the way happens at its moment and in order. Handlers that run are waited for before
   * each step.
   *
   * @throws {Fault} `wait.timedOut` where a handler has not ended after 5 s of real time.
   * @example await test.advance('1h');
   */
  advance(by: Duration, options: MoveOptions = {}): Promise<void> {
    return this.#cluster.advance(by, options);
  }

  /**
   * Lets time pass until the promise is settled, and resolves with what it resolves with.
   *
   * @param options.within how much time may pass; an hour unless given.
   * @throws {Fault} `wait.timedOut` where it is not settled by then; whatever the promise is rejected with.
   * @example const result = await test.until(job.result());
   */
  until<Value>(promise: Promise<Value>, options: MoveOptions & { within?: Duration } = {}): Promise<Value> {
    const { within = '1h', ...move } = options;
    return this.#cluster.until(promise, within, move);
  }

  close(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster.close();
  }
}

/**
 * A yard with one worker that runs these job types.
 *
 * What needs no time happens by itself, so reading and submitting are awaited as ever; what takes time, such as the end of a job,
 * comes when the clock is moved.
 *
 * @throws {Fault} `input.invalid`, `option.invalid`
 * @example
 * await using test = await testYard([greet]);
 * const job = await test.yard.submit(greet, { name: 'Ada' }, { delay: '1h' });
 * await test.advance('1h');
 * await test.until(job.result()); // 'Hello Ada'
 */
export async function testYard(
  definitions: readonly JobDefinition[],
  { startAt = '2027-01-01T00:00:00Z', seed = 1, concurrency = 12, advertise = '' }: TestYardOptions = {},
): Promise<TestYard> {
  return new TestYard(await MemoryCluster.open({ definitions, startAt, seed, concurrency, advertise }));
}
