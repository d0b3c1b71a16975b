/**
 * One level of a queue: all of its jobs that wait there, ranked.
 *
 * Jobs stand in lines (`ready-queue.ts`), the lines of a group in a stand, the stands of a tenant in a party, and the
 * parties here: each of them a heap by the first job that it has, parties by their tenants' shares before that. So a job
 * that becomes the first of its line, or is it no more, costs a few steps, and whoever looks for the first finds it on top.
 * Where only a few needs may go of many that wait, who looks asks the party for the lines of those needs.
 * A stand whose group has no room under a limit, and a party whose tenant has none, is parked: it stands in no heap.
 *
 * What a tenant was served is heard of late: a party stands where it stood when somebody last looked, which is never
 * behind its due place, since who is served only moves back. Who looks corrects what is on top.
 */

import type { Requirements } from '../machines/rules/capability.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import { type Entry, isBefore } from './entry.ts';
import type { Group } from './group.ts';
import { Heap } from './heap.ts';
import { type Parkable, unpark } from './parking.ts';
import { type Change, ReadyQueue } from './ready-queue.ts';
import type { Shares } from './shares.ts';

/** How many jobs wait with the same needs, whatever their groups. */
export interface Need {
  type: string;
  requirements: Requirements;
  waiting: number;
}

export class Level {
  readonly queue: string;
  readonly level: Priority;
  /** Those that have something to offer. */
  readonly parties = new Heap<Party>(goesBefore);
  readonly #all = new Map<string, Party>();
  readonly #needs = new Map<Requirements, Need>();
  #shares: Shares | undefined;

  constructor(queue: string, level: Priority) {
    this.queue = queue;
    this.level = level;
  }

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  /** What is asked for here. */
  needs(): Iterable<Need> {
    return this.#needs.values();
  }

  waitingFor(requirements: Requirements): number {
    return this.#needs.get(requirements)?.waiting ?? 0;
  }

  /** Lines that have jobs, parked or not. */
  *lines(): Iterable<ReadyQueue> {
    for (const party of this.#all.values()) yield* party.lines();
  }

  /** The line in which `entry` has its place; `need` is what its type and requirements are called. */
  lineOf({ priority, type, requirements }: Entry, need: string, group: Group): ReadyQueue {
    let party = this.#all.get(group.tenant);
    if (party === undefined) {
      party = new Party(group.tenant, () => this.#settle(group.tenant));
      this.#all.set(group.tenant, party);
    }
    return party.stand(group).line(`${priority} ${need}`, (onChange) => {
      const { queue, level } = this;
      return new ReadyQueue({
        ...{ queue, level, priority, type, requirements, group },
        onChange: (line, change) => {
          this.#count(line, change);
          onChange(line, change);
        },
      });
    });
  }

  /** The parties by these shares from now on, and what is on top is where it belongs. */
  rank(shares: Shares): void {
    if (this.#shares !== shares) {
      this.#shares = shares;
      for (const party of this.#all.values()) {
        party.mark = 0;
        party.settle();
      }
    }
    for (let top = this.parties.first; top !== undefined; top = this.parties.first) {
      const mark = shares.markOf(top.tenant);
      if (mark === top.mark) return;
      top.mark = mark;
      this.parties.settle(top);
    }
  }

  #settle(tenant: string): void {
    const party = this.#all.get(tenant);
    if (party === undefined) return;
    this.parties.settle(party, party.first !== undefined && party.parked === undefined);
    if (!party.isEmpty) return;
    unpark(party);
    this.#all.delete(tenant);
  }

  #count({ type, requirements }: ReadyQueue, { more }: Change): void {
    const need = this.#needs.get(requirements) ?? { type, requirements, waiting: 0 };
    need.waiting += more;
    if (need.waiting > 0) this.#needs.set(requirements, need);
    else this.#needs.delete(requirements);
  }
}

/** The jobs of a tenant. */
export class Party implements Parkable {
  readonly tenant: string;
  /** Its share, as of when somebody last looked. */
  mark = 0;
  /** Its oldest job that is not set aside. */
  first: Entry | undefined;
  parked: Set<Parkable> | undefined;
  /** Those that have something to offer. */
  readonly stands = new Heap<Stand>(firstGoesBefore);
  readonly #all = new Map<string, Stand>();
  /** The lines that have jobs, by what they need. */
  readonly #byNeed = new Map<Requirements, Map<ReadyQueue, Stand>>();
  readonly #onChange: () => void;

  constructor(tenant: string, onChange: () => void) {
    this.tenant = tenant;
    this.#onChange = onChange;
  }

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  *lines(): Iterable<ReadyQueue> {
    for (const stand of this.#all.values()) yield* stand.lines;
  }

  /** How many needs its jobs have. */
  get needs(): number {
    return this.#byNeed.size;
  }

  /** The lines of one need, with the stand of each. */
  linesFor(need: Requirements): Iterable<readonly [ReadyQueue, Stand]> {
    return this.#byNeed.get(need) ?? [];
  }

  stand(group: Group): Stand {
    let stand = this.#all.get(group.name);
    if (stand === undefined) {
      stand = new Stand(group, { onChange: () => this.#settle(group), onLine: (...line) => this.#index(...line) });
      this.#all.set(group.name, stand);
    }
    return stand;
  }

  settle(): void {
    this.#onChange();
  }

  /** A line has come, or is empty. */
  #index(line: ReadyQueue, stand: Stand): void {
    const lines = this.#byNeed.get(line.requirements) ?? new Map<ReadyQueue, Stand>();
    if (line.size > 0) lines.set(line, stand);
    else lines.delete(line);
    if (lines.size > 0) this.#byNeed.set(line.requirements, lines);
    else this.#byNeed.delete(line.requirements);
  }

  #settle({ name }: Group): void {
    const stand = this.#all.get(name);
    if (stand === undefined) return;
    this.stands.settle(stand, stand.first !== undefined && stand.parked === undefined);
    this.first = this.stands.first?.first;
    if (stand.first === undefined) {
      unpark(stand);
      this.#all.delete(name);
    }
    this.settle();
  }
}

/** The jobs of a group. */
export class Stand implements Parkable {
  readonly group: Group;
  /** Its oldest job. */
  first: Entry | undefined;
  parked: Set<Parkable> | undefined;
  readonly lines = new Heap<ReadyQueue>(firstGoesBefore);
  readonly #all = new Map<string, ReadyQueue>();
  readonly #onChange: () => void;
  readonly #onLine: (line: ReadyQueue, stand: Stand) => void;

  /** @param onLine hears of a line that has its first job, or has lost its last one. */
  constructor(
    group: Group,
    { onChange, onLine }: { onChange: () => void; onLine: (line: ReadyQueue, stand: Stand) => void },
  ) {
    this.group = group;
    this.#onChange = onChange;
    this.#onLine = onLine;
  }

  line(name: string, make: (onChange: (line: ReadyQueue, change: Change) => void) => ReadyQueue): ReadyQueue {
    const known = this.#all.get(name);
    if (known !== undefined) return known;
    const line = make((changed, { more, isOfHead }) => {
      if (!isOfHead) return;
      this.lines.settle(changed, changed.size > 0);
      this.first = this.lines.first?.first;
      if (changed.size === Math.max(0, more)) this.#onLine(changed, this);
      if (changed.size === 0) this.#all.delete(name);
      this.settle();
    });
    this.#all.set(name, line);
    return line;
  }

  settle(): void {
    this.#onChange();
  }
}

interface Ranked {
  first: Entry | undefined;
}

export function firstGoesBefore({ first: one }: Ranked, { first: other }: Ranked): boolean {
  return one !== undefined && (other === undefined || isBefore(one, other));
}

function goesBefore(one: Party, other: Party): boolean {
  return one.mark === other.mark ? firstGoesBefore(one, other) : one.mark < other.mark;
}
