/**
 * Makes and keeps room for jobs that wait: carries out what `room-plan.ts` says, for as long as this master leads.
 *
 * It looks twice a second. A running job that is to make room gets the wish written into its record, under the fence of
 * the term and only if it is still as the board has it; its worker is told to look, and told again as long as the job is
 * there. What a worker keeps for whom is in memory only: the next leader works it out anew, and until it has looked for
 * itself, and for as long as it may not have heard of all workers, it evicts nobody.
 */

import { idle, take, type Usage } from '../machines/rules/capability.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { idIn, tenantIn } from '../runtime/key.ts';
import type { Notices } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { Board } from './board.ts';
import type { Entry } from './entry.ts';
import type { Fleet } from './fleet.ts';
import type { Hold } from './hold.ts';
import type { LookAhead } from './look-ahead.ts';
import type { Mover } from './mover.ts';
import { leavingOf, planRoom, type Reservation, type RoomPlan } from './room-plan.ts';
import type { Throttle } from './throttle.ts';

export interface RoomKeeperOptions {
  board: Board;
  fleet: Fleet;
  throttle: Throttle;
  lookAhead: LookAhead;
  gpuSpillOver: boolean;
  move: Mover;
  notices: Notices;
  clock: Clock;
  telemetry: Telemetry;
  lostAfterMs: number;
  /** Whether this leader may still speak for itself. */
  isTrusted: () => boolean;
  /** Other room is kept than before. */
  onChange: () => void;
}

const lookEveryMs = 500;
const tellEveryMs = 2_000;

/** A reservation, with what ran at its worker when it began: jobs with their attempts. */
interface Kept extends Reservation {
  ran: ReadonlyMap<Entry, number>;
}

export class RoomKeeper {
  readonly #options: RoomKeeperOptions;
  #kept: readonly Kept[] = [];
  #evicting = false;
  #startedAt = Number.POSITIVE_INFINITY;
  readonly #toldAt = new Map<Entry, number>();
  #stop: Cancel = () => {};

  constructor(options: RoomKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock } = this.#options;
    this.#startedAt = clock.mono();
    this.#stop = clock.every(lookEveryMs, () => this.#look());
  }

  stop(): void {
    this.#stop();
    this.#kept = [];
  }

  /** What a worker keeps for others than who comes first. */
  holdsAt(worker: string): readonly Hold[] {
    const { board } = this.#options;
    return this.#kept
      .filter((kept) => kept.worker === worker)
      .map((kept) => ({
        entry: kept.entry,
        leaving: this.#leaving(kept),
        isPassedBy: (other) => board.servesBefore(other, kept.entry),
      }));
  }

  /** What is kept for a job that waits. */
  keptFor(entry: Entry): Reservation | undefined {
    return this.#kept.find((kept) => kept.entry === entry);
  }

  #leaving({ worker, after, ran }: Kept): Usage {
    const { board } = this.#options;
    if (after === 'those that leave') return leavingOf(board, worker);
    const leaving = { ...idle };
    for (const entry of board.holding(worker).claims)
      if (ran.get(entry) === entry.attempt) take(leaving, entry.requirements, 1, entry.rare);
    return leaving;
  }

  #look(): void {
    const { clock, isTrusted, lostAfterMs } = this.#options;
    if (!isTrusted()) return;
    this.#remind();
    const mayEvict = !this.#evicting && clock.mono() - this.#startedAt >= lostAfterMs;
    const plan = this.#plan(mayEvict);
    this.#keep(plan.reservations);
    if (plan.evictions.length > 0) void this.#evict(plan.evictions);
  }

  #plan(mayEvict: boolean): RoomPlan {
    const { board, fleet, throttle, lookAhead, gpuSpillOver, clock } = this.#options;
    const workers = fleet.members().filter((member) => fleet.takesJobs(member));
    return planRoom({
      board,
      candidates: workers
        .filter(({ pulse }) => !fleet.isDoubted(pulse.incarnation))
        .map(({ pulse: { incarnation, capacity } }) => {
          const { usage, slotsByType } = board.holding(incarnation);
          return { incarnation, capacity, usage, long: lookAhead.longOf(slotsByType) };
        }),
      reserved: this.#kept,
      lookAhead: (type, slots) => lookAhead.of(type, slots),
      gpuSpillOver,
      room: (account) => throttle.room(account),
      isFull: (account) => throttle.hindrance(account)?.kind === 'full',
      mayEvict,
      now: clock.now(),
    });
  }

  #keep(reservations: readonly Reservation[]): void {
    const before = this.#kept;
    this.#kept = reservations.map((one) => {
      const known = before.find(
        ({ entry, worker, after }) => entry === one.entry && worker === one.worker && after === one.after,
      );
      return known ?? this.#begun(one);
    });
    const isSame = before.length === this.#kept.length && this.#kept.every((kept, at) => kept === before[at]);
    if (!isSame) this.#options.onChange();
  }

  #begun(reservation: Reservation): Kept {
    const { board, telemetry } = this.#options;
    const { entry, worker, after } = reservation;
    if (after === 'those that ran') telemetry.tell('job.reserved', { key: entry.key, worker });
    return { ...reservation, ran: new Map([...board.holding(worker).claims].map((claim) => [claim, claim.attempt])) };
  }

  async #evict(evictions: RoomPlan['evictions']): Promise<void> {
    this.#evicting = true;
    const chosen = evictions.flatMap(({ wanted, victims }) => victims.map((victim) => ({ wanted, victim })));
    await Promise.all(chosen.map(({ wanted, victim }) => this.#evictOne(victim, wanted)));
    this.#evicting = false;
  }

  /** One that has moved on meanwhile stays; whoever waits is looked at again. */
  async #evictOne(victim: Entry, wanted: Entry): Promise<void> {
    const { move, clock, telemetry } = this.#options;
    const { key, revision, worker = '', queue } = victim;
    // Its record is read by the tenant of the victim, and by nobody else.
    const by = tenantIn(wanted.key) === tenantIn(key) ? idIn(wanted.key) : 'a job of another tenant';
    const event = () => ({
      type: 'job.preempt' as const,
      at: clock.now(),
      by,
      reason: `for ${by} of queue ${wanted.queue}`,
    });
    const moved = await move([{ key, revision, event }]).catch(() => 0);
    if (moved === 0) return;
    telemetry.tell('job.evicted', { key, worker, queue, by: wanted.key, byQueue: wanted.queue });
    this.#tell(victim);
  }

  /** A notice may be lost: who is to make room is told again. */
  #remind(): void {
    const { clock, board } = this.#options;
    for (const [entry, toldAt] of this.#toldAt)
      if (entry.rare?.preemptAt === undefined || board.get(entry.key) !== entry) this.#toldAt.delete(entry);
      else if (clock.mono() - toldAt >= tellEveryMs) this.#tell(entry);
    for (const worker of board.holders())
      for (const entry of board.holding(worker).claims)
        if (entry.rare?.preemptAt !== undefined && !this.#toldAt.has(entry)) this.#tell(entry);
  }

  #tell(entry: Entry): void {
    if (entry.worker === undefined) return;
    this.#toldAt.set(entry, this.#options.clock.mono());
    this.#options.notices.send(entry.worker, { verb: 'look', key: entry.key });
  }
}
