/**
 * Bulk operations, as whoever asks for one sees them: started, counted beforehand, followed, aborted.
 *
 * A master carries them out (`actors/bulk.ts`): who asked may go away. What is started while no master runs waits for one.
 */

import { countAll } from '../actors/bulk-page.ts';
import { statesFor } from '../actors/verb.ts';
import { jobStates } from '../machines/job.ts';
import { priorities } from '../machines/rules/lanes.ts';
import { wrongInQueue } from '../machines/rules/queue.ts';
import {
  type BulkFilter,
  type BulkRecord,
  type BulkState,
  hasEnded,
  leftOf,
  refusedOf,
  type StoredBulk,
  type Verb,
} from '../runtime/bulk.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault, isFault } from '../runtime/faults.ts';
import type { Stop, World } from '../runtime/ports.ts';

export type { BulkRecord, BulkState };
export { hasEnded, leftOf, refusedOf };

/** What to do, and to which jobs; where no state is asked for, to those in a state in which it can be done. */
export interface BulkGiven {
  verb: Verb;
  filter?: BulkFilter | undefined;
  /** At most so many a second. */
  perSecond?: number | undefined;
  /** Who asks; whoever it is on whose behalf this is asked, unless given. */
  by?: string | undefined;
}

/** A bulk operation that is waited for. */
export interface Bulk extends BulkGiven {
  /** Only counts. */
  dryRun?: boolean | undefined;
  /** Calls back whenever it has come further. */
  onProgress?: ((sofar: BulkOutcome) => void) | undefined;
  /** Aborts it; what is done is done. */
  signal?: AbortSignal | undefined;
}

/** What became of it. `matched` jobs passed the filter; in a dry run none is done or refused. */
export interface BulkOutcome {
  matched: number;
  done: number;
  /** How many were refused, by the sentence with which they were, without their ids. */
  refused: Readonly<Record<string, number>>;
}

/** As many ids as a filter may name. */
const namedAtMost = 1_000;
/** How long `abort` waits for the master that works at it. */
const abortWithinMs = 10_000;

export interface BulkVerbsOptions {
  world: Pick<World, 'store' | 'control'>;
  clock: Clock;
  /** Whose jobs, and whose operations, it is about. */
  tenant: string;
  /** Who asks, where nobody else is named. */
  by: string;
}

export class BulkVerbs {
  readonly #options: BulkVerbsOptions;

  constructor(options: BulkVerbsOptions) {
    this.#options = options;
  }

  /** @throws {Fault} `input.invalid`; `group.missing` where no failed job is of the group. */
  async start(given: BulkGiven): Promise<BulkRecord> {
    const operation = this.#made(given);
    if (operation.filter.group !== undefined) await this.count(given);
    const revision = await this.#options.world.control.bulk.write(operation, 0);
    if (revision === undefined) throw new Fault('commit.conflict', `Expected no operation ${operation.id}, found one.`);
    return operation;
  }

  /** How many jobs it would be done to now. @throws {Fault} as `start`. */
  async count(given: BulkGiven): Promise<number> {
    const operation = this.#made(given);
    const { store } = this.#options.world;
    const { lastRevision } = await store.state();
    const { matched } = await countAll(store, operation, lastRevision);
    const { group } = operation.filter;
    if (group === undefined || matched > 0) return matched;
    throw new Fault('group.missing', `Expected a group of failed jobs, got \`${group}\`. See \`yard dead groups\`.`);
  }

  async get(id: string): Promise<BulkRecord | undefined> {
    return (await this.#own(id))?.operation;
  }

  async #own(id: string): Promise<StoredBulk | undefined> {
    const stored = await this.#options.world.control.bulk.read(id);
    return stored?.operation.tenant === this.#options.tenant ? stored : undefined;
  }

  /** The newest first. */
  async list(): Promise<readonly BulkRecord[]> {
    const all = await this.#options.world.control.bulk.list();
    const own = all.filter(({ tenant }) => tenant === this.#options.tenant);
    return own.toSorted((a, b) => b.createdAt - a.createdAt);
  }

  /**
   * Has it stop: what is done is done. Resolves when it has; where no master runs, with the wish that stands in its record.
   *
   * @throws {Fault} `bulk.missing`; `bulk.refused` where it has ended.
   */
  async abort(id: string, { by = this.#options.by }: { by?: string | undefined } = {}): Promise<BulkRecord> {
    const wished = await this.#wishAborted(id, by);
    return (await this.#lastWithin(id, abortWithinMs)) ?? wished;
  }

  /** The operation once it has ended. @throws {Fault} `bulk.missing`, `wait.timedOut` */
  async ended(id: string, { timeoutMs }: { timeoutMs: number }): Promise<BulkRecord> {
    const last = await this.#lastWithin(id, timeoutMs);
    if (last !== undefined && hasEnded(last)) return last;
    throw new Fault(
      'wait.timedOut',
      `Expected operation ${id} to end within ${timeoutMs} ms, it runs. Wait for longer.`,
    );
  }

  /** As it was when it was last heard of. */
  async #lastWithin(id: string, timeoutMs: number): Promise<BulkRecord | undefined> {
    let last: BulkRecord | undefined;
    const late = new AbortController();
    const cancel = this.#options.clock.after(timeoutMs, () => late.abort());
    try {
      for await (const operation of this.follow(id, { signal: late.signal })) last = operation;
    } catch (cause) {
      if (!late.signal.aborted) throw cause;
    } finally {
      cancel();
    }
    return last;
  }

  async #wishAborted(id: string, by: string): Promise<BulkRecord> {
    const { world, clock } = this.#options;
    for (;;) {
      const { operation, revision } = (await this.#own(id)) ?? missing(id);
      if (hasEnded(operation))
        throw new Fault('bulk.refused', `Expected an operation that runs, got ${id}, which is ${operation.state}.`);
      if (operation.abort !== undefined) return operation;
      const wished = { ...operation, abort: { at: clock.now(), by } };
      if ((await world.control.bulk.write(wished, revision)) !== undefined) return wished;
    }
  }

  /** The operation as it is now, and whenever it has come further, until it has ended. @throws {Fault} `bulk.missing` */
  async *follow(id: string, { signal }: { signal?: AbortSignal | undefined } = {}): AsyncGenerator<BulkRecord> {
    let newest: BulkRecord = (await this.get(id)) ?? missing(id);
    let told: BulkRecord | undefined;
    let ring = () => {};
    const stop: Stop = await this.#options.world.control.bulk.watch((operation) => {
      if (operation.id !== id || operation.updatedAt < newest.updatedAt) return;
      newest = operation;
      ring();
    });
    const onAbort = () => ring();
    signal?.addEventListener('abort', onAbort);
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (told !== newest) {
          told = newest;
          yield newest;
          if (hasEnded(told)) return;
          continue;
        }
        await new Promise<void>((resolve) => {
          ring = resolve;
        });
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      await stop();
    }
  }

  /** Starts it and waits for its end; a signal aborts it. @throws the reason of the signal; {Fault} as `start`. */
  async carryOut({ dryRun = false, onProgress, signal, ...given }: Bulk): Promise<BulkOutcome> {
    if (dryRun) return { matched: await this.count(given), done: 0, refused: {} };
    signal?.throwIfAborted();
    const { id } = await this.start(given);
    let last: BulkRecord | undefined;
    try {
      for await (const operation of this.follow(id, { signal })) {
        last = operation;
        if (operation.matched !== undefined) onProgress?.(outcomeOf(operation));
      }
    } catch (cause) {
      if (signal?.aborted === true) await this.#abortQuietly(id);
      throw cause;
    }
    if (last?.state === 'failed') throw new Fault('bulk.failed', last.error ?? `Operation ${id} failed.`);
    return outcomeOf(last ?? missing(id));
  }

  /** It may have ended by itself. */
  async #abortQuietly(id: string): Promise<void> {
    await this.abort(id).catch((cause: unknown) => {
      if (!isFault(cause, 'bulk.refused')) throw cause;
    });
  }

  #made({ verb, filter = {}, perSecond, by = this.#options.by }: BulkGiven): BulkRecord {
    const { clock, tenant } = this.#options;
    const wrong = wrongIn({ verb, filter, perSecond });
    if (wrong !== undefined) throw new Fault('input.invalid', wrong);
    const now = clock.now();
    return {
      id: clock.unique(),
      tenant,
      verb,
      filter,
      ...(perSecond === undefined ? {} : { perSecond }),
      by,
      createdAt: now,
      updatedAt: now,
      state: 'running',
      done: 0,
      refused: {},
      samples: [],
      work: { streamAt: 0, cursor: 0, through: 0, pass: 1, acted: false, portion: [], notBefore: 0 },
    };
  }
}

function outcomeOf({ matched = 0, done, refused }: BulkRecord): BulkOutcome {
  return { matched, done, refused };
}

function missing(id: string): never {
  throw new Fault('bulk.missing', `Expected a bulk operation with id ${id}, found none. See \`yard bulk list\`.`);
}

/** What is wrong with what was given, in a sentence. */
function wrongIn({ verb, filter = {}, perSecond }: BulkGiven): string | undefined {
  const { limit, priority, id = [] } = filter;
  const states = filter.state === undefined ? [] : [filter.state].flat();
  const unknown = states.find((state) => !jobStates.includes(state));
  if (statesFor(verb).length === 0) return `Expected a verb that can be done to jobs, got \`${verb.verb}\`.`;
  if (unknown !== undefined) return `Expected \`state\` to be of ${jobStates.join(', ')}, got \`${unknown}\`.`;
  if (priority !== undefined && !priorities.includes(priority))
    return `Expected \`priority\` to be of ${priorities.join(', ')}, got \`${priority}\`.`;
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0))
    return `Expected \`limit\` to be a whole number from 1 up, got ${limit}. Leave it out for all jobs.`;
  if ([id].flat().length > namedAtMost)
    return `Expected at most ${namedAtMost} ids, got ${[id].flat().length}. Do it in several operations, or use another filter.`;
  if (perSecond !== undefined && !(perSecond > 0 && Number.isFinite(perSecond)))
    return `Expected \`perSecond\` to be a number above 0, got ${perSecond}. Leave it out for as fast as it goes.`;
  return verb.verb === 'move' ? wrongInQueue(verb.queue, {}) : undefined;
}
