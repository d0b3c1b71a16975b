/**
 * Submits jobs without a detour: checked here as intake would check them, then created by a write of our own.
 *
 * What this cluster knows of a type is read from where workers register it, beside the types that ship. A created
 * job is durable as soon as its write is accepted; no master needs to be there.
 */

import { admit, conflictText, isSameSubmission, type JobOptions, type KnownType } from '../actors/admission.ts';
import type { Commit } from '../actors/committer.ts';
import { Room } from '../actors/room.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault, messageOf } from '../runtime/faults.ts';
import type { JobDefinition } from '../runtime/handler.ts';
import type { World } from '../runtime/ports.ts';
import { type JobRecord, jobKey } from '../runtime/record.ts';

/** One job to be. */
export interface Item {
  type: string;
  payload: unknown;
  options: JobOptions;
  /** Where the submitter has it: checks the payload, and vouches for the type. */
  definition?: JobDefinition | undefined;
}

/** What became of an item: `created` is false where an earlier submission of the same was found. */
export interface Submitted {
  key: string;
  record: JobRecord;
  created: boolean;
}

export interface SubmitterOptions {
  world: World;
  clock: Clock;
  commit: Commit;
  tenant: string;
  /** This process: names the source of its submissions. */
  incarnation: string;
}

type Types = ReadonlyMap<string, KnownType>;

const trustTypesForMs = 10_000;

export class Submitter {
  readonly #options: SubmitterOptions;
  readonly #room: Room;
  #types: { readAt: number; known: Types } | undefined;
  #count = 0;

  constructor(options: SubmitterOptions) {
    this.#options = options;
    this.#room = new Room({ store: options.world.store, clock: options.clock });
  }

  /**
   * Creates a job for each item, in their order. All are checked before the first is written; then each stands for
   * itself.
   *
   * @throws {Fault} `input.invalid` where an item is refused: nothing was submitted then. `job.conflict` where an
   * id belongs to another job: the other items were submitted. `store.full` where there is no room: nothing was, as
   * a rule.
   */
  async submit(items: readonly Item[]): Promise<readonly Submitted[]> {
    const records: JobRecord[] = [];
    for (const [index, item] of items.entries()) records.push(await this.#admit(item, index, items.length));
    for (const { payload } of records) await this.#room.expect(JSON.stringify(payload)?.length ?? 0);
    return this.#createAll(records);
  }

  async #admit(item: Item, index: number, of: number): Promise<JobRecord> {
    const { clock, tenant, incarnation } = this.#options;
    const { type, payload, options } = item;
    const types = await this.typesFor(item);
    const source = `direct:${incarnation}-${++this.#count}`;
    try {
      return await admit(
        { tenant, type, payload, options, source, fallbackId: clock.unique(), at: clock.now() },
        types,
      );
    } catch (cause) {
      if (of === 1 || !(cause instanceof Fault)) throw cause;
      throw new Fault(cause.code, `Item ${index + 1} of ${of}: ${messageOf(cause)}`, { cause, facts: { index } });
    }
  }

  /** What this cluster knows of the types of jobs, that of the item for certain if it is known at all. */
  async typesFor({ type, definition }: Pick<Item, 'type' | 'definition'>): Promise<Types> {
    if (definition !== undefined) return new Map([[type, { type, defaults: definition.defaults ?? {}, definition }]]);
    const { clock } = this.#options;
    const isFresh = this.#types !== undefined && clock.mono() - this.#types.readAt < trustTypesForMs;
    if (this.#types === undefined || !isFresh || !this.#types.known.has(type))
      this.#types = { known: await this.#readTypes(), readAt: clock.mono() };
    return this.#types.known;
  }

  async #readTypes(): Promise<Types> {
    const { world, clock } = this.#options;
    // Most who connect submit nothing, and should not wait for what checks the payloads of all types.
    const { shippedTypes } = await import('../handlers/shipped.ts');
    const known = new Map<string, KnownType>();
    for (const definition of shippedTypes({ clock }))
      known.set(definition.type, { type: definition.type, defaults: definition.defaults ?? {}, definition });
    for (const { type, defaults } of await world.control.types())
      known.set(type, { ...known.get(type), type, defaults });
    return known;
  }

  async #createAll(records: readonly JobRecord[]): Promise<readonly Submitted[]> {
    const outcomes = await Promise.allSettled(records.map((record) => this.#create(record)));
    return outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
  }

  async #create(record: JobRecord): Promise<Submitted> {
    const { world, commit } = this.#options;
    const key = jobKey(record);
    const committed = await commit([{ key, expected: 0, record }]);
    if (committed.kind === 'conflict') return this.#found(key, record);
    const { type, queue, priority } = record;
    for (const transition of record.transitions)
      world.events.tell({ key, type, queue, priority, revision: committed.revisions[0] ?? 0, transition });
    return { key, record, created: true };
  }

  /** A job stands under this key: the same submission, repeated, or another one. */
  async #found(key: string, record: JobRecord): Promise<Submitted> {
    const stored = await this.#options.world.store.read(key);
    if (stored === undefined)
      throw new Fault(
        'broker.unavailable',
        `Expected the record that stood in the way of ${key}, found none. Try again.`,
      );
    if (!isSameSubmission(stored.record, record))
      throw new Fault('job.conflict', conflictText(stored.record), { facts: { id: record.id } });
    return { key, record: stored.record, created: false };
  }
}
