/**
 * The workers that take jobs, in an order in which the best one for a job is found at once.
 *
 * Workers with the same capacity are of one kind: what one of them is fit for, all are. In a kind they stand by how many
 * GPUs they have taken, and then by how loaded they are. So of each kind that is fit the best is among the first few, and
 * only those are passed over that lack memory, or keep their room for somebody else.
 *
 * Needs for which nobody had room are remembered with the moment at which that was found. From then on only workers that
 * have gained room since are looked at, where these are few, since nobody else can have some.
 */

import { type Capacity, hasRoom, type Requirements, take, type Usage, unmet } from '../machines/rules/capability.ts';
import type { Entry } from './entry.ts';
import { Heap } from './heap.ts';
import { type Hold, leavesRoom } from './hold.ts';
import type { Need } from './level.ts';

/** A worker that takes jobs, with what it holds now. */
export interface Candidate {
  incarnation: string;
  capacity: Capacity;
  usage: Usage;
  /** The slots of that which may be taken for long: nothing is sent ahead for them. */
  long?: number;
}

export interface CrewPolicy {
  /** Jobs of a type that may wait on a worker for so many slots. 0 for one: they may run for long. */
  lookAhead(type: string, slots: number): number;
  /** Whether workers with a GPU take jobs that need none. */
  gpuSpillOver: boolean;
  /** Room that a worker keeps for jobs that wait. */
  holdsAt(worker: string): readonly Hold[];
}

/** A worker as it stands here: `usage` grows with each offer, `held` is what it held before. */
export interface Hand extends Candidate {
  long: number;
  held: number;
  /** Who came first is before others that are as good. */
  order: number;
  kind: Kind;
  shelf: Heap<Hand> | undefined;
}

/** What was found out about a need. */
interface Finding {
  /** Kinds that are fit for it, as of which change of kinds. */
  kinds: ReadonlySet<Kind>;
  kindsAt: number;
  shut: Shut | undefined;
}

/** Nobody had room when so many gains had been seen, with so many waiting or more, and this look-ahead. */
interface Shut {
  gains: number;
  waiting: number;
  lookAhead: number;
}

/** So many gains more than there are workers are remembered. */
const gainsMore = 64;
/** Where more have gained room since, the best of all are found quicker, since they stand in order. */
const fewGains = 32;

export class Crew {
  readonly #hands = new Map<string, Hand>();
  readonly #kinds = new Map<string, Kind>();
  #kindsAt = 0;
  readonly #findings = new WeakMap<Requirements, Finding>();
  /** Workers that have gained room, in that order; `#forgotten` more came before them. */
  #gained: Hand[] = [];
  #forgotten = 0;
  #order = 0;

  constructor(candidates: readonly Candidate[] = []) {
    for (const candidate of candidates) this.put(candidate);
  }

  /** A worker is there, or has changed. */
  put({ incarnation, capacity, usage, long = 0 }: Candidate): void {
    const known = this.#hands.get(incarnation);
    const kind = this.#kindOf(capacity);
    if (known?.kind === kind) {
      const before = { ...known.usage, held: known.held, long: known.long };
      known.usage = { ...usage };
      known.long = long;
      known.held = usage.slots;
      kind.settle(known);
      if (isGain(before, known)) this.#gain(known);
      return;
    }
    if (known !== undefined) this.remove(incarnation);
    const order = known?.order ?? this.#order++;
    const hand = { incarnation, capacity, usage: { ...usage }, long, held: usage.slots, order, kind, shelf: undefined };
    this.#hands.set(incarnation, hand);
    kind.settle(hand);
    this.#gain(hand);
  }

  remove(incarnation: string): void {
    const hand = this.#hands.get(incarnation);
    if (hand === undefined) return;
    this.#hands.delete(incarnation);
    hand.kind.remove(hand);
    if (hand.kind.size > 0) return;
    this.#kinds.delete(hand.kind.name);
    this.#kindsAt++;
  }

  /** Whether nobody may take any job. */
  isFull({ lookAhead }: CrewPolicy): boolean {
    for (const kind of this.#kinds.values()) if (kind.mayTakeAny(lookAhead)) return false;
    return true;
  }

  /** Whether it is known that nobody has room for a need. */
  isShut(need: Need, policy: CrewPolicy): boolean {
    return this.#shutFor(need, this.#findings.get(need.requirements), policy)?.gains === this.#gains;
  }

  /** Whether somebody may have room for a need, as far as that is quick to tell: of those who gained some since nobody had. */
  mayHaveRoomFor(need: Need, policy: CrewPolicy): boolean {
    const shut = this.#shutFor(need, this.#findings.get(need.requirements), policy);
    return shut === undefined || (shut.gains < this.#gains && this.#find(need, policy) !== undefined);
  }

  /** The best worker for a job of that need. */
  bestFor(entry: Entry, need: Need, policy: CrewPolicy): Hand | undefined {
    return this.isShut(need, policy) ? undefined : this.#find(need, policy, entry);
  }

  /** A job is offered to a worker. */
  give(hand: Hand, { type, requirements }: Pick<Entry, 'type' | 'requirements'>, { lookAhead }: CrewPolicy): void {
    take(hand.usage, requirements);
    if (lookAhead(type, 1) === 0) hand.long += requirements.slots ?? 1;
    hand.kind.settle(hand);
  }

  get #gains(): number {
    return this.#forgotten + this.#gained.length;
  }

  #find(need: Need, policy: CrewPolicy, entry?: Entry): Hand | undefined {
    const { type, requirements, waiting } = need;
    const finding = this.#findingOf(need);
    const search: Search = { type, requirements, waiting, policy, entry, isFed: false, isKept: false };
    const shut = this.#shutFor(need, finding, policy);
    const isFew = shut !== undefined && this.#gains - shut.gains <= fewGains;
    const since = isFew ? shut.gains - this.#forgotten : -1;
    const found =
      since < 0
        ? [...finding.kinds].flatMap((kind) => kind.best(search) ?? [])
        : this.#gained.slice(since).filter((hand) => this.#isFit(hand, finding) && isOpen(hand, search));
    const best = bestOf(found, search);
    if (best !== undefined || search.isKept) return best;
    const known = since < 0 ? 0 : (shut?.waiting ?? 0);
    const lookAhead = policy.lookAhead(type, 1);
    finding.shut = { gains: this.#gains, waiting: search.isFed ? waiting : known, lookAhead };
    return undefined;
  }

  /** What is remembered, where it still counts: for those who have gained nothing since. */
  #shutFor({ type, waiting }: Need, finding: Finding | undefined, policy: CrewPolicy): Shut | undefined {
    const shut = finding?.shut;
    const counts = shut !== undefined && shut.waiting <= waiting && shut.lookAhead === policy.lookAhead(type, 1);
    return counts ? shut : undefined;
  }

  /** One that gained room may be gone by now. */
  #isFit(hand: Hand, { kinds }: Finding): boolean {
    return kinds.has(hand.kind) && this.#hands.get(hand.incarnation) === hand;
  }

  #findingOf({ type, requirements }: Need): Finding {
    const known = this.#findings.get(requirements);
    if (known?.kindsAt === this.#kindsAt) return known;
    const fit = [...this.#kinds.values()].filter(({ capacity }) => unmet(type, requirements, capacity) === undefined);
    const finding: Finding = { kinds: new Set(fit), kindsAt: this.#kindsAt, shut: known?.shut };
    this.#findings.set(requirements, finding);
    return finding;
  }

  #kindOf(capacity: Capacity): Kind {
    const name = JSON.stringify(capacity);
    let kind = this.#kinds.get(name);
    if (kind === undefined) {
      kind = new Kind(name, capacity);
      this.#kinds.set(name, kind);
      this.#kindsAt++;
    }
    return kind;
  }

  #gain(hand: Hand): void {
    this.#gained.push(hand);
    if (this.#gained.length <= this.#hands.size + gainsMore) return;
    this.#forgotten += this.#gained.length;
    this.#gained = [];
  }
}

/** What a worker is looked for with. */
interface Search {
  type: string;
  requirements: Requirements;
  waiting: number;
  policy: CrewPolicy;
  entry: Entry | undefined;
  /** Somebody had room, and holds enough as it is. */
  isFed: boolean;
  /** Somebody had room, and keeps it for others. */
  isKept: boolean;
}

/** Workers with the same capacity. */
class Kind {
  readonly name: string;
  readonly capacity: Capacity;
  /** By how many GPUs they have taken. */
  readonly #shelves = new Map<number, Heap<Hand>>();
  size = 0;

  constructor(name: string, capacity: Capacity) {
    this.name = name;
    this.capacity = capacity;
  }

  /** A worker has come, or its usage has changed. */
  settle(hand: Hand): void {
    const shelf = this.#shelves.get(hand.usage.gpu) ?? new Heap<Hand>(isLessLoaded);
    this.#shelves.set(hand.usage.gpu, shelf);
    if (hand.shelf === undefined) this.size++;
    else if (hand.shelf !== shelf) hand.shelf.remove(hand);
    hand.shelf = shelf;
    shelf.settle(hand);
  }

  remove(hand: Hand): void {
    if (hand.shelf === undefined) return;
    hand.shelf.remove(hand);
    hand.shelf = undefined;
    this.size--;
  }

  mayTakeAny(lookAhead: CrewPolicy['lookAhead']): boolean {
    const { slots, types } = this.capacity;
    const most = slots + Math.max(...types.map((type) => lookAhead(type, slots)));
    for (const { first } of this.#shelves.values()) if (first !== undefined && first.usage.slots < most) return true;
    return false;
  }

  best(search: Search): Hand | undefined {
    const shelves = [...this.#shelves.values()];
    const most = this.capacity.slots + search.policy.lookAhead(search.type, this.capacity.slots);
    return bestOf(
      shelves.flatMap((shelf) => this.#firstOpen(shelf, search, most) ?? []),
      search,
    );
  }

  /** @param most slots that any of them may have taken. */
  #firstOpen(shelf: Heap<Hand>, search: Search, most: number): Hand | undefined {
    const { first } = shelf;
    if (first === undefined || this.#isPast(first, search, most)) return undefined;
    if (isOpen(first, search)) return first;
    for (const hand of shelf.inOrder()) {
      if (this.#isPast(hand, search, most)) return undefined;
      if (isOpen(hand, search)) return hand;
    }
    return undefined;
  }

  /** Whether it has no slots for that, and so has none who is more loaded; or no GPUs. */
  #isPast({ usage }: Hand, { requirements: { slots = 1, gpu = 0 } }: Search, most: number): boolean {
    return usage.slots + slots > most || (gpu > 0 && usage.gpu + gpu > this.capacity.gpu);
  }
}

function isLessLoaded(one: Hand, other: Hand): boolean {
  return one.usage.slots === other.usage.slots ? one.order < other.order : one.usage.slots < other.usage.slots;
}

/** Whether a worker that is fit may be offered such a job now. */
function isOpen(hand: Hand, search: Search): boolean {
  const { type, requirements, policy, entry } = search;
  const { incarnation, capacity, usage } = hand;
  const brisk = Math.max(0, capacity.slots - hand.long);
  const lookAhead = policy.lookAhead(type, brisk);
  if (rankOf(hand, search) === Number.POSITIVE_INFINITY) return false;
  if (!hasRoom(requirements, capacity, usage, lookAhead)) return false;
  if (!isHungry(hand, search.waiting, (brisk + lookAhead) / 2)) {
    search.isFed = true;
    return false;
  }
  const holds = entry === undefined ? [] : policy.holdsAt(incarnation);
  if (entry === undefined || holds.length === 0 || leavesRoom(entry, { holds, capacity, usage, lookAhead }))
    return true;
  search.isKept = true;
  return false;
}

/**
 * Whether a worker is worth a letter now. Many short jobs go in few large mails, since every mail, claim and result
 * costs less in company: a worker that still holds half of what it may, beside long jobs, gets no more until it holds less.
 */
function isHungry({ capacity, held, long }: Hand, waiting: number, half: number): boolean {
  return held < capacity.slots || waiting < half || held - long <= half;
}

function bestOf(hands: readonly Hand[], search: Search): Hand | undefined {
  let best: Hand | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const hand of hands) {
    const rank = rankOf(hand, search);
    if (best !== undefined && (rank > bestRank || (rank === bestRank && hand.order > best.order))) continue;
    best = hand;
    bestRank = rank;
  }
  return best;
}

/**
 * From the best up. Of workers with GPUs, for a job that needs some: the one that has the fewest left beside it, then the
 * least loaded. For a job that needs none, a worker with GPUs ranks behind every other, or is out of the question.
 */
function rankOf({ capacity, usage }: Hand, { requirements, policy }: Search): number {
  const load = usage.slots / capacity.slots;
  const gpu = requirements.gpu ?? 0;
  if (gpu > 0) return 1_000 * (capacity.gpu - usage.gpu - gpu) + load;
  if (capacity.gpu === 0) return load;
  return policy.gpuSpillOver ? 1_000 + load : Number.POSITIVE_INFINITY;
}

/** Whether a worker may have room for more than before. */
function isGain(before: Usage & { held: number; long: number }, { usage, held, long }: Hand): boolean {
  const isMore =
    usage.slots >= before.slots &&
    usage.gpu >= before.gpu &&
    usage.memoryMb >= before.memoryMb &&
    usage.diskMb >= before.diskMb &&
    held >= before.held &&
    long >= before.long;
  const isSame = (one: readonly unknown[] = [], other: readonly unknown[] = []) => one.join() === other.join();
  return !isMore || !isSame(before.vramsMb, usage.vramsMb) || !isSame(before.gpus, usage.gpus);
}
