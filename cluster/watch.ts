/**
 * Watches jobs: every transition once and in order, and nothing missed.
 *
 * Events are fast and may be lost; the record is slow and true. Transitions are numbered from 1, so the two are put
 * together by number: the record first, then events as long as each is the next one; a jump in the numbers, or a
 * second without news, reads the record again. Records that are read again at about the same time are read together.
 */

import { isSettled } from '../machines/job.ts';
import { type Clock, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { idIn } from '../runtime/key.ts';
import type { Events, JobStore } from '../runtime/ports.ts';
import type { JobRecord, Stored, Transition } from '../runtime/record.ts';

export interface WatchesOptions {
  store: JobStore;
  events: Events;
  clock: Clock;
}

export interface WaitOptions {
  /** Gives up after so long. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

const quietMs = 1_000;
const gatherMs = 20;

export class Watches {
  readonly #options: WatchesOptions;
  #rereads: Map<string, PromiseWithResolvers<Stored | undefined>> | undefined;

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  /**
   * The transitions of a job so far, then those to come, until it is settled. A job whose history is longer than its
   * record keeps begins with the oldest that is kept.
   *
   * @throws {Fault} `job.missing`; the reason of `signal` once that fires.
   */
  async *transitions(key: string, { signal }: { signal?: AbortSignal | undefined } = {}): AsyncGenerator<Transition> {
    const ear = new Ear(this.#options.clock, signal);
    const stop = await this.#options.events.listen({ key }, ({ transition, revision }) =>
      ear.hear({ ...transition, revision }),
    );
    try {
      let last = 0;
      let record = await this.#first(key);
      for (;;) {
        for (const transition of record.transitions) {
          if (transition.n <= last) continue;
          yield transition;
          last = transition.n;
        }
        if (isSettled(record.state)) return;
        for (let next = await ear.next(last); next !== undefined; next = await ear.next(last)) {
          yield next;
          last = next.n;
          if (isSettled(next.to)) return;
        }
        record = (await unlessAborted(this.#again(key), signal)) ?? record;
      }
    } finally {
      await stop();
    }
  }

  /**
   * The record of a job once it is settled.
   *
   * @throws {Fault} `job.missing`, `wait.timedOut`; the reason of `signal` once that fires.
   */
  async settled(key: string, { timeoutMs, signal }: WaitOptions = {}): Promise<JobRecord> {
    const limit = new AbortController();
    const cancel =
      timeoutMs === undefined
        ? () => {}
        : this.#options.clock.after(timeoutMs, () => limit.abort(timedOut(key, timeoutMs)));
    try {
      return await this.#settled(key, signal === undefined ? limit.signal : AbortSignal.any([limit.signal, signal]));
    } finally {
      cancel();
    }
  }

  async #settled(key: string, signal: AbortSignal): Promise<JobRecord> {
    for (;;) {
      for await (const _ of this.transitions(key, { signal }));
      const record = await this.#first(key);
      if (isSettled(record.state)) return record;
    }
  }

  async #first(key: string): Promise<JobRecord> {
    const stored = await this.#options.store.read(key);
    if (stored === undefined) throw missing(key);
    return stored.record;
  }

  /** The record as it is now, or `undefined` where the broker cannot tell at the moment. */
  async #again(key: string): Promise<JobRecord | undefined> {
    this.#rereads ??= this.#gather();
    const asked = this.#rereads.get(key) ?? Promise.withResolvers<Stored | undefined>();
    this.#rereads.set(key, asked);
    return (await asked.promise)?.record;
  }

  #gather(): Map<string, PromiseWithResolvers<Stored | undefined>> {
    const asked = new Map<string, PromiseWithResolvers<Stored | undefined>>();
    void pause(this.#options.clock, gatherMs).then(async () => {
      this.#rereads = undefined;
      const found = await this.#options.store.readMany([...asked.keys()]).catch(() => undefined);
      for (const [key, { resolve }] of asked) resolve(found?.get(key));
    });
    return asked;
  }
}

/** What `promise` comes to; the reason of `signal` where that fires first, as with a broker that is away. */
function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    const done = () => signal.removeEventListener('abort', abort);
    void promise.then(resolve, reject).then(done);
  });
}

function missing(key: string): Fault {
  const id = idIn(key);
  return new Fault('job.missing', `Expected a job with id ${id}, found none. See \`yard job list\`.`, {
    facts: { id },
  });
}

function timedOut(key: string, timeoutMs: number): Fault {
  const id = idIn(key);
  return new Fault(
    'wait.timedOut',
    `Expected job ${id} to be settled within ${timeoutMs} ms, it is not. It goes on; wait longer.`,
    {
      facts: { id },
    },
  );
}

/** What was heard of one job and not yet taken. */
class Ear {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #heard = new Map<number, Transition>();
  #wake: () => void = () => {};

  constructor(clock: Clock, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.#signal = signal;
  }

  hear(transition: Transition): void {
    this.#heard.set(transition.n, transition);
    this.#wake();
  }

  /** The transition after number `last`; `undefined` where one was missed, or none came for a while. */
  async next(last: number): Promise<Transition | undefined> {
    for (const n of this.#heard.keys()) if (n <= last) this.#heard.delete(n);
    if (this.#heard.size === 0) await this.#news();
    this.#signal?.throwIfAborted();
    const next = this.#heard.get(last + 1);
    return next;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        this.#signal?.removeEventListener('abort', end);
        resolve();
      };
      const cancel = this.#clock.after(quietMs, end);
      this.#wake = end;
      if (this.#signal?.aborted) end();
      else this.#signal?.addEventListener('abort', end, { once: true });
    });
  }
}
