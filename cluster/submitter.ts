/**
 * Submits jobs without a detour: checked here as intake would check them, then created by a write of our own.
 *
 * What this cluster knows of a type is read from where workers register it, beside the types that ship. A created
 * job is durable as soon as its write is accepted; no master needs to be there.
 */

import { admit, formerKeyOf, type JobOptions, type KnownType } from '../actors/admission.ts';
import { Births } from '../actors/birth.ts';
import type { Commit } from '../actors/committer.ts';
import type { Quotas } from '../actors/quota.ts';
import { Room } from '../actors/room.ts';
import { asideAtMost } from '../runtime/aside.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault, type WrongField, wrongFieldsIn } from '../runtime/faults.ts';
import type { JobDefinition } from '../runtime/handler.ts';
import type { World } from '../runtime/ports.ts';
import type { JobRecord } from '../runtime/record.ts';
import { activePlace } from '../runtime/telemetry/span.ts';
import { traceHeaders } from '../runtime/trace-context.ts';

/** One job to be. */
export interface Item {
  type: string;
  payload: unknown;
  options: JobOptions;
  /** Where the submitter has it: checks the payload, and vouches for the type. */
  definition?: JobDefinition | undefined;
  /** Where it came from; this process unless given. */
  source?: string;
}

/**
 * What became of an item: `created` is false where an earlier submission of the same was found, and where by its unique
 * rule it is one with another job, which is `coalesced` then.
 */
export interface Submitted {
  id: string;
  record: JobRecord;
  created: boolean;
  coalesced: boolean;
}

/** A job to be, and where an earlier version would have put it. */
interface Admitted {
  record: JobRecord;
  formerKey: string | undefined;
}

export interface SubmitterOptions {
  world: World;
  clock: Clock;
  commit: Commit;
  quotas: Quotas;
  tenant: string;
  /** This process: names the source of its submissions. */
  incarnation: string;
}

/** The trace in which whoever submits stands, in a process that has one. */
function activeTrace(): Pick<JobOptions, 'traceparent' | 'tracestate'> {
  const place = activePlace();
  return place === undefined ? {} : traceHeaders(place);
}

type Types = ReadonlyMap<string, KnownType>;

/** Which item of a submission has what wrong: the fact `items` of the fault. */
export interface WrongItem {
  index: number;
  fields: readonly WrongField[];
}

/** @throws {Fault} the first of them, with what is wrong in all. */
function refuseAny(wrong: readonly { index: number; cause: Fault }[], of: number): void {
  const [first] = wrong;
  if (first === undefined) return;
  const { index, cause } = first;
  if (of === 1) throw cause;
  const items = wrong.map((each): WrongItem => ({ index: each.index, fields: wrongFieldsIn(each.cause) }));
  throw new Fault(cause.code, `Item ${index + 1} of ${of}: ${cause.message}`, { cause, facts: { index, items } });
}

const trustTypesForMs = 10_000;

export class Submitter {
  readonly #options: SubmitterOptions;
  readonly #room: Room;
  readonly #births: Births;
  #types: { readAt: number; known: Types } | undefined;
  #count = 0;

  constructor(options: SubmitterOptions) {
    this.#options = options;
    const { world, clock, commit, quotas } = options;
    const { store, blobs, events } = world;
    this.#room = new Room({ store, blobs, clock });
    this.#births = new Births({ store, blobs, events, commit, clock, quotas });
  }

  /**
   * Creates a job for each item, in their order. All are checked before the first is written; then each stands for
   * itself.
   *
   * @throws {Fault} `input.invalid` where an item is refused: nothing was submitted then. `job.conflict` where an
   * id, or a unique key, is another job's: the other items were submitted. `quota.full` where the tenant may not have so
   * many: those that it may have were submitted, the first ones. `store.full` where there is no room: nothing was, as a rule.
   */
  async submit(items: readonly Item[]): Promise<readonly Submitted[]> {
    const admitted: Admitted[] = [];
    const wrong: { index: number; cause: Fault }[] = [];
    for (const [index, item] of items.entries())
      try {
        admitted.push(await this.#admit(item));
      } catch (cause) {
        if (!(cause instanceof Fault)) throw cause;
        wrong.push({ index, cause });
      }
    refuseAny(wrong, items.length);
    for (const {
      record: { payload },
    } of admitted)
      await this.#room.expect(JSON.stringify(payload)?.length ?? 0);
    return this.#createAll(admitted);
  }

  async #admit(item: Item): Promise<Admitted> {
    const { clock, tenant, incarnation } = this.#options;
    const { type, payload, options, source = `direct:${incarnation}-${++this.#count}` } = item;
    const types = await this.typesFor(item);
    const said = options.traceparent === undefined ? { ...options, ...activeTrace() } : options;
    const request = { tenant, type, payload, options: said, source, fallbackId: clock.unique(), at: clock.now() };
    return {
      record: await admit(request, types, { payloadAtMost: asideAtMost }),
      formerKey: formerKeyOf(request),
    };
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

  async #createAll(admitted: readonly Admitted[]): Promise<readonly Submitted[]> {
    const outcomes = await Promise.allSettled(admitted.map((each) => this.#create(each)));
    return outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
  }

  async #create({ record, formerKey }: Admitted): Promise<Submitted> {
    const birth = await this.#births.create(record, { formerKey });
    const { kind } = birth;
    const id = kind === 'coalesced' ? birth.id : birth.record.id;
    return { id, record: birth.record, created: kind === 'created', coalesced: kind === 'coalesced' };
  }
}
