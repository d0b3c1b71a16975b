/**
 * Who is next at one level of a queue, as one pass of decisions goes on.
 *
 * A pass changes nothing of what is ranked (`level.ts`). It walks the heaps in order, as far as it must, and has those whom
 * it has met in heaps of its own, where they move on as their jobs are offered: a line to its next job, a tenant back by
 * its share. What is found shut, since nobody has room for it or a limit is full, is let go for the rest of the pass, so
 * each line is met once. That is right since in a pass room only gets less.
 */

import { type Entry, isBefore } from './entry.ts';
import { Heap } from './heap.ts';
import { firstGoesBefore, type Level, type Need, type Party, type Stand } from './level.ts';
import type { ReadyQueue } from './ready-queue.ts';
import type { Shares } from './shares.ts';

/** What of a level may still go in this pass. */
export interface Gate {
  /** Needs of a level for which somebody may have room. */
  open(level: Level): readonly Need[];
  /** Whether anything of a tenant, or of a group of his, may go. */
  letsIn(one: Party | Stand): boolean;
  /** Whether the next job of a line may go, as far as is known. */
  lets(cursor: Cursor): boolean;
}

/** A line, and how far it has come in this pass. */
export interface Cursor {
  line: ReadyQueue;
  next: Entry;
  need: Need;
  rest: Iterator<Entry>;
}

/** Of so many needs one may go, or fewer, where it is looked for by need. */
const rare = 2;

/** A tenant at a level, with the best of his lines that were met. */
interface Guest {
  party: Party;
  mark: number;
  first: Entry | undefined;
  lines: Lines;
}

export class Turn {
  readonly level: Level;
  /** By which the tenants of this level are served, in this pass. */
  readonly shares: Shares;
  readonly #gate: Gate;
  readonly #open: readonly Need[];
  readonly #coming: Coming<Party>;
  readonly #guests = new Heap<Guest>(isGuestBefore, { isTracked: false });

  constructor({ level, shares, gate }: { level: Level; shares: Shares; gate: Gate }) {
    this.level = level;
    this.shares = shares;
    this.#gate = gate;
    this.#open = gate.open(level);
    this.#coming = new Coming(level.parties.inOrder());
  }

  /** Where the next job stands. */
  get first(): Cursor | undefined {
    return this.#firstGuest()?.lines.first;
  }

  /** The tenant's mark of whose job is next. */
  get mark(): number {
    return this.#guests.first?.mark ?? Number.POSITIVE_INFINITY;
  }

  /** The next job was offered. */
  advance(): void {
    this.#guests.first?.lines.advance();
  }

  /** The next job can not go, nor can any of its line. */
  drop(): void {
    this.#guests.first?.lines.drop();
  }

  #firstGuest(): Guest | undefined {
    for (;;) {
      const guest = this.#settled();
      const party = this.#coming.next;
      if (party === undefined || (guest !== undefined && isGuestBefore(guest, party))) return guest;
      this.#coming.shift();
      if (this.#gate.letsIn(party)) this.#add(party);
    }
  }

  #add(party: Party): void {
    const lines = new Lines({ party, level: this.level, gate: this.#gate, open: this.#open });
    this.#guests.add({ party, mark: this.shares.markOf(party.tenant), first: lines.first?.next, lines });
  }

  /** The first of those who were met, by what is true of him now. */
  #settled(): Guest | undefined {
    for (let guest = this.#guests.first; guest !== undefined; guest = this.#guests.first) {
      const mark = this.shares.markOf(guest.party.tenant);
      const first = this.#gate.letsIn(guest.party) ? guest.lines.first?.next : undefined;
      if (first !== undefined && mark === guest.mark && first === guest.first) return guest;
      Object.assign(guest, { mark, first });
      this.#guests.settle(guest, first !== undefined);
    }
    return undefined;
  }
}

/** The lines of a tenant at a level, the one with the oldest job first. */
class Lines {
  readonly #level: Level;
  readonly #gate: Gate;
  readonly #coming: Coming<ReadyQueue>;
  readonly #met = new Heap<Cursor>(isCursorBefore, { isTracked: false });

  constructor({ party, level, gate, open }: { party: Party; level: Level; gate: Gate; open: readonly Need[] }) {
    this.#level = level;
    this.#gate = gate;
    // Where little may go of much that waits, that is found quicker than come across.
    const isRare = open.length * rare < party.needs;
    this.#coming = new Coming(isRare ? [].values() : linesOf(party, gate));
    if (isRare)
      for (const { requirements } of open)
        for (const [line, stand] of party.linesFor(requirements)) if (gate.letsIn(stand)) this.#meet(line);
  }

  get first(): Cursor | undefined {
    for (;;) {
      const cursor = this.#met.first;
      if (cursor !== undefined && !this.#gate.lets(cursor)) {
        this.drop();
        continue;
      }
      const line = this.#coming.next;
      if (line === undefined || (cursor !== undefined && isCursorBefore(cursor, { next: line.first }))) return cursor;
      this.#coming.shift();
      this.#meet(line);
    }
  }

  advance(): void {
    const cursor = this.#met.first;
    const next = cursor?.rest.next();
    if (cursor === undefined || next === undefined) return;
    if (next.done !== true) cursor.next = next.value;
    this.#met.settle(cursor, next.done !== true);
  }

  drop(): void {
    this.#met.shift();
  }

  #meet(line: ReadyQueue): void {
    const { type, requirements } = line;
    const rest = line[Symbol.iterator]();
    const next = rest.next();
    const need = { type, requirements, waiting: this.#level.waitingFor(requirements) };
    if (next.done !== true) this.#met.add({ line, next: next.value, need, rest });
  }
}

/** The lines of a tenant in the order of their first jobs, but of groups that may not go. */
function* linesOf({ stands }: Party, gate: Gate): Generator<ReadyQueue, undefined> {
  const coming = new Coming(stands.inOrder());
  const met = new Heap<Coming<ReadyQueue>>(({ next: one }, { next: other }) => isLineBefore(one, other), {
    isTracked: false,
  });
  for (;;) {
    const stand = coming.next;
    const lines = met.first;
    if (stand !== undefined && (lines === undefined || isLineBefore(stand, lines.next))) {
      coming.shift();
      if (gate.letsIn(stand)) met.add(new Coming(stand.lines.inOrder()));
    } else if (lines?.next === undefined) return undefined;
    else {
      yield lines.next;
      lines.shift();
      met.settle(lines, lines.next !== undefined);
    }
  }
}

/** What comes in order, with a look at the next. */
class Coming<Item> {
  next: Item | undefined;
  readonly #rest: Iterator<Item, undefined>;

  constructor(rest: Iterator<Item, undefined>) {
    this.#rest = rest;
    this.next = rest.next().value;
  }

  shift(): void {
    this.next = this.#rest.next().value;
  }
}

type Ranked = { first: Entry | undefined };

function isGuestBefore(one: Ranked & { mark: number }, other: Ranked & { mark: number }): boolean {
  return one.mark === other.mark ? firstGoesBefore(one, other) : one.mark < other.mark;
}

function isCursorBefore({ next: one }: { next: Entry }, { next: other }: { next: Entry | undefined }): boolean {
  return other === undefined || isBefore(one, other);
}

function isLineBefore(one: Ranked | undefined, other: Ranked | undefined): boolean {
  return one !== undefined && (other === undefined || firstGoesBefore(one, other));
}
