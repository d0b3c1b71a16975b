/**
 * What is kept from one decision to the next, held against the slow decision that keeps nothing: jobs come, move, are
 * claimed and end, workers come and go, people set limits, time passes and leaders change, and after each of it the same
 * offers are made by both.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { type Candidate, Crew } from '../../actors/crew.ts';
import { decide, served } from '../../actors/decide.ts';
import type { Entry } from '../../actors/entry.ts';
import type { Hold } from '../../actors/hold.ts';
import { LaneShares, Shares } from '../../actors/shares.ts';
import { Throttle } from '../../actors/throttle.ts';
import { idle, together } from '../../machines/rules/capability.ts';
import { defaultQueues, priorities } from '../../machines/rules/lanes.ts';
import { type LimitSettings, limitsFor } from '../../machines/rules/limit.ts';
import { type QueueSettings, queueModes } from '../../machines/rules/queue.ts';
import type { TenantSettings } from '../../machines/rules/tenant.ts';
import { ManualClock } from '../../runtime/memory/manual-clock.ts';
import type { Head } from '../../runtime/ports.ts';
import { fleet, head, readyState } from './arbitrary.ts';
import { Reference, type Rules } from './decide-reference.ts';
import { headWith } from './stage.ts';

const queue = fc.constantFrom('live', 'batch', 'unlisted', 'other');
const tenant = fc.constantFrom('a', 'b', 'c');
const limitKeys = fc.constantFrom(undefined, undefined, ['k.x'], ['k.y'], ['k.x', 'k.y'], ['free']);
const limits = { maxActive: fc.integer({ min: 0, max: 3 }), ratePerSecond: fc.constantFrom(0.5, 2, 20) };
const which = fc.nat(20);
/** Something that happens, with what it is about. */
function of<const What extends string, More extends object>(what: What, more: fc.Arbitrary<More>, weight = 1) {
  return { weight, arbitrary: more.map((about): { what: What } & More => ({ what, ...about })) };
}

const weight = fc.integer({ min: 1, max: 4 });
const ofQueue: fc.Arbitrary<QueueSettings> = fc.record(
  {
    queue,
    order: fc.constantFrom(1, 2, 2.5),
    mode: fc.constantFrom(...queueModes),
    weight,
    paused: fc.boolean(),
    ...limits,
  },
  { requiredKeys: ['queue'] },
);
const ofTenant: fc.Arbitrary<TenantSettings> = fc.record({ tenant, weight, ...limits }, { requiredKeys: ['tenant'] });
const ofLimit: fc.Arbitrary<LimitSettings> = fc.record(
  { limit: fc.constantFrom('k.x', 'k.*'), ...limits },
  { requiredKeys: ['limit'] },
);

const happening = fc.oneof(
  of('comes', fc.record({ head: head(readyState), tenant, limitKeys }), 6),
  of('is claimed', fc.record({ which }), 3),
  of('ends', fc.record({ which }), 3),
  of('comes back', fc.record({ which })),
  of('moves', fc.record({ which, queue, priority: fc.constantFrom(...priorities) })),
  of('is cancelled', fc.record({ which })),
  of('ages', fc.record({ steps: fc.nat(3) })),
  of('set', fc.record({ set: fc.oneof(ofQueue, ofTenant, ofLimit) })),
  of('worker goes', fc.record({ which })),
  of('worker comes', fc.record({ which })),
  of('worker changes', fc.record({ which, slots: fc.integer({ min: 1, max: 4 }) })),
  of('is kept room for', fc.record({ which, by: which })),
  of('room is kept for nobody', fc.constant({})),
  of('time passes', fc.record({ ms: fc.constantFrom(1, 40, 500, 9_000) }), 2),
  of('another leads', fc.constant({})),
);
type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never;

interface Cast {
  fleet: readonly Candidate[];
  /** For each slot. */
  lookAhead: Readonly<Record<string, number>>;
  gpuSpillOver: boolean;
}

/** A leader whose board, crew, shares and throttle live on, and beside it what the slow decision needs. */
class Story {
  readonly clock = new ManualClock();
  readonly board = new Board({ queues: defaultQueues });
  readonly #cast: Cast;
  #there: Candidate[];
  #away: Candidate[] = [];
  #holds: { worker: string; entry: Entry }[] = [];
  #revision = 0;
  #leader = this.#newLeader();

  constructor(cast: Cast) {
    this.#cast = cast;
    this.#there = [...cast.fleet];
    for (const { incarnation } of cast.fleet) this.#muster(incarnation);
  }

  /** What a leader has for itself. The slow one asks a throttle of its own, so that asking leaves no traces. */
  #newLeader() {
    const throttle = () => new Throttle({ clock: this.clock, offerForMs: 5_000 });
    return {
      crew: new Crew(),
      throttle: throttle(),
      slow: { throttle: throttle(), reference: new Reference() },
      tenants: new LaneShares((name) => this.board.accounts.weightOf(name)),
      shares: new Shares((name) => {
        const { mode, weight } = this.board.policyOf(name);
        return mode === 'weighted' ? weight : undefined;
      }),
    };
  }

  async happen(one: Happening): Promise<void> {
    const { board } = this;
    switch (one.what) {
      case 'comes': {
        const { limitKeys: keys, tenant: whose } = one;
        const revision = ++this.#revision;
        const more = keys === undefined ? {} : { limitKeys: keys };
        board.apply(headWith({ ...one.head, ...more, key: `${whose}.j${revision}`, revision }));
        return;
      }
      case 'is claimed':
        return this.#change(this.#offered(one.which), ({ offer }) => ({
          state: 'processing',
          worker: offer?.worker ?? 'w1',
        }));
      case 'ends':
        return this.#change(
          this.#one(one.which, ({ state }) => state === 'processing'),
          () => ({ state: 'completed' }),
        );
      case 'comes back': {
        const entry = this.#offered(one.which);
        return entry === undefined ? undefined : board.withdraw(entry);
      }
      case 'moves':
        return this.#change(this.#waiting(one.which), () => ({ queue: one.queue, priority: one.priority }));
      case 'is cancelled':
        return this.#change(this.#waiting(one.which), () => ({ state: 'cancelled' }));
      case 'ages':
        board.age(one.steps * 600_000, 100);
        return;
      case 'time passes':
        return await this.clock.advance(one.ms);
      case 'another leads':
        return this.#depose();
      case 'is kept room for':
        return this.#keepRoom(this.#waiting(one.which), one.by);
      case 'room is kept for nobody':
        this.#holds = [];
        return;
      case 'set':
        return this.#set(one.set);
      default:
        return this.#staff(one);
    }
  }

  #offered = (at: number) => this.#one(at, ({ offer }) => offer !== undefined);
  #waiting = (at: number) => this.#one(at, ({ place }) => place !== undefined);

  #one(at: number, isMeant: (entry: Entry) => boolean): Entry | undefined {
    const meant = [...this.board.entries()].filter(isMeant);
    return meant[at % Math.max(1, meant.length)];
  }

  #change(entry: Entry | undefined, change: (entry: Entry) => Partial<Head>): void {
    if (entry === undefined) return;
    const { key, type, requirements, queue: now, priority, createdAt, limitKeys: keys, state } = entry;
    const known = { key, type, requirements, queue: now, priority, createdAt, state };
    const more = keys === undefined ? {} : { limitKeys: keys };
    this.board.apply(headWith({ ...known, ...more, ...change(entry), revision: ++this.#revision }));
  }

  #keepRoom(entry: Entry | undefined, by: number): void {
    const worker = this.#there[by % Math.max(1, this.#there.length)]?.incarnation;
    if (entry !== undefined && worker !== undefined) this.#holds.push({ worker, entry });
  }

  #set(set: QueueSettings | TenantSettings | LimitSettings): void {
    const { board } = this;
    const { accounts } = board;
    const throttles = [this.#leader.throttle, this.#leader.slow.throttle];
    if ('queue' in set) board.setQueue(set);
    else if ('tenant' in set) accounts.setTenant(set);
    else accounts.setLimit(set);
    for (const throttle of throttles)
      if ('queue' in set) throttle.changed(board.queue(set.queue));
      else if ('tenant' in set) throttle.changed(accounts.get('tenant', set.tenant));
      else
        for (const account of accounts.inUse('key'))
          if (limitsFor(account.name).includes(set.limit)) throttle.changed(account);
  }

  #staff(one: Extract<Happening, { what: `worker ${string}` }>): void {
    const [from, to] = one.what === 'worker comes' ? [this.#away, this.#there] : [this.#there, this.#away];
    const at = one.which % Math.max(1, from.length);
    const worker = from[at];
    if (worker === undefined) return;
    if (one.what === 'worker changes') from[at] = { ...worker, capacity: { ...worker.capacity, slots: one.slots } };
    else {
      from.splice(at, 1);
      to.push(worker);
    }
    this.#muster(worker.incarnation);
  }

  #muster(incarnation: string): void {
    const worker = this.#there.find((each) => each.incarnation === incarnation);
    if (worker === undefined) this.#leader.crew.remove(incarnation);
    else this.#leader.crew.put(this.#now(worker));
  }

  #now(worker: Candidate): Candidate {
    const { usage, slotsByType } = this.board.holding(worker.incarnation);
    const long = [...slotsByType].filter(([type]) => this.#lookAhead(type, 1) === 0);
    return { ...worker, usage: together(worker.usage, usage), long: long.reduce((sum, [, slots]) => sum + slots, 0) };
  }

  #lookAhead(type: string, slots: number): number {
    return Math.min(5, slots * (this.#cast.lookAhead[type] ?? 0));
  }

  #depose(): void {
    this.#leader = this.#newLeader();
    this.board.withdrawOffers();
    this.board.parking.freeAll();
    for (const { incarnation } of this.#there) this.#muster(incarnation);
  }

  #holdsAt(worker: string): Hold[] {
    return this.#holds
      .filter((hold) => hold.worker === worker)
      .map(({ entry }) => ({ entry, leaving: idle, isPassedBy: (other) => this.board.servesBefore(other, entry) }));
  }

  /** The rules as they are for both; each asks its own throttle. */
  #rules(throttle: Throttle, most: number): Rules & { holdsAt: (worker: string) => Hold[] } {
    const { board } = this;
    const { gpuSpillOver } = this.#cast;
    return {
      lookAhead: (type, slots) => this.#lookAhead(type, slots),
      ...{ gpuSpillOver, most, holdsAt: (worker) => this.#holdsAt(worker) },
      room: (name) => throttle.room(board.queue(name)),
      roomOf: (name) => throttle.room(board.accounts.get('tenant', name)),
      roomOfKey: (name) => throttle.room(board.accounts.get('key', name)),
      weightOf: (name) => board.accounts.weightOf(name),
    };
  }

  #slowly(most: number): string[] {
    const { throttle, reference } = this.#leader.slow;
    const there = this.#there.map((worker) => this.#now(worker));
    return reference.decide(this.board, there, this.#rules(throttle, most));
  }

  /** Both decide, and what they offer is out. */
  decide(most: number): { quick: string[]; slow: string[] } {
    const { board } = this;
    const { crew, throttle, slow, tenants, shares } = this.#leader;
    for (const worker of board.touched()) this.#muster(worker);
    for (const limit of throttle.begin()) board.parking.free(limit);
    const offers = decide(board, crew, {
      ...this.#rules(throttle, most),
      ...{ shares, tenants, roomUnder: (limit) => throttle.room(board.accounts.named(limit)) },
    });
    const slowly = this.#slowly(most);
    for (const offering of offers) {
      const { entry, worker } = offering;
      board.offered(entry, worker, 1);
      for (const each of [throttle, slow.throttle]) each.took(board.accountsOf(entry));
      served(offering, { shares, tenants });
    }
    return { quick: offers.map(({ entry, worker }) => `${entry.key}→${worker}`), slow: slowly };
  }

  /** What the slow one offers in the last millisecond but one before the quick one says that it is worth another look. */
  async beforeWorthALook(): Promise<string[]> {
    const againInMs = this.#leader.throttle.againInMs();
    await this.clock.advance(Math.max(0, Math.min(30_000, Math.ceil(againInMs) - 2)));
    return this.#slowly(1);
  }
}

test('each decision of a long story is that of a slow one, which looks at every job', async () => {
  const chapter = fc.record({ happenings: fc.array(happening, { maxLength: 8 }), most: fc.constantFrom(1, 3, 100) });
  const cast = fc.record({
    fleet,
    lookAhead: fc.record({ noop: fc.nat(2), transcode: fc.nat(2) }),
    gpuSpillOver: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(cast, fc.array(chapter, { maxLength: 10 }), async (given, chapters) => {
      const story = new Story(given);
      for (const { happenings, most } of chapters) {
        for (const one of happenings) await story.happen(one);
        const { quick, slow } = story.decide(most);
        expect(quick).toEqual(slow);
        if (slow.length === 0) expect(await story.beforeWorthALook()).toEqual([]);
      }
    }),
    { numRuns: 1_000 },
  );
});
