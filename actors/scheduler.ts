/**
 * Turns decisions into mail: whenever a job or a worker has become free, at most once a turn of the loop.
 *
 * Offers are not stored: each is valid for one revision and a few seconds, a worker's claim is what counts, and an
 * offer that came to nothing is made again. Every `intervalMs` the tick finds jobs that nobody can take and writes
 * them down as `queued`, with the reason, a thousand at most, the heads of the lanes first. A job that is offered is
 * never touched, since that would void the offer; and while the tick writes nothing is offered, since those that it
 * writes down are the next in line. A worker that lets letter after letter expire is told so, and has to make do with
 * one job at a time, or none, until it claims one (`deafness.ts`).
 */

import type { Cancel, Clock } from '../runtime/clock.ts';
import type { Mail, Notices, Offer, Pulse, WorkerStatus } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { Board } from './board.ts';
import type { Bodies } from './bodies.ts';
import { type Candidate, Crew } from './crew.ts';
import type { Letter } from './deafness.ts';
import { decide, type Offering, served } from './decide.ts';
import type { Entry } from './entry.ts';
import type { Fleet } from './fleet.ts';
import type { LookAhead } from './look-ahead.ts';
import type { Mover } from './mover.ts';
import { tellOffer, traceIdIn } from './offer-span.ts';
import type { RoomKeeper } from './room-keeper.ts';
import { LaneShares, Shares } from './shares.ts';
import { graceMs, type Throttle } from './throttle.ts';
import { why } from './why.ts';

export interface SchedulerOptions {
  board: Board;
  fleet: Fleet;
  bodies: Bodies;
  lookAhead: LookAhead;
  throttle: Throttle;
  /** What workers keep for jobs that wait. */
  room: Pick<RoomKeeper, 'holdsAt' | 'keptFor'>;
  mail: Mail;
  notices: Notices;
  move: Mover;
  clock: Clock;
  telemetry: Telemetry;
  intervalMs: number;
  offerForMs: number;
  gpuSpillOver: boolean;
  /** Whether this leader may still speak for itself (`Term.isTrusted`). */
  isTrusted: () => boolean;
}

const offersAtOnce = 500;
/** The lease, and everybody else, waits for no pass longer than about that. */
const passForMs = 20;
const queuedAtOnce = 1_000;
/** Lines of which a pass says why they wait. */
const explainedAtOnce = 100;
const trustAgainMs = 50;
const ageEveryMs = 250;
const risenAtOnce = 5_000;
/** What may start only so often is served in small portions rather than at each of its tokens. */
const throttledAgainMs = 20;

interface Offered {
  entries: readonly Entry[];
  sentAt: number;
  until: number;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  /** Offers of one pass, the oldest first: they expire together. Of an entry that was offered again, older ones mean nothing. */
  readonly #offered: Offered[] = [];
  /** The same, of queues that are limited. */
  readonly #offeredLimited: Offered[] = [];
  readonly #shares: Shares;
  readonly #tenants: LaneShares;
  readonly #crew = new Crew();
  #agedAt = Number.NEGATIVE_INFINITY;
  #stopWaiting: Cancel = () => {};
  #awake = false;
  #stopped = false;
  /** The tick writes: what stands in line is about to change, and nobody may overtake it meanwhile. */
  #writing = false;
  #waitsForTrust = false;
  #decisions = 0;
  #stopTicking: Cancel = () => {};
  #stopExpiring: Cancel = () => {};

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#tenants = new LaneShares((tenant) => options.board.accounts.weightOf(tenant));
    this.#shares = new Shares((queue) => {
      const { mode, weight } = options.board.policyOf(queue);
      return mode === 'weighted' ? weight : undefined;
    });
  }

  start(): void {
    const { clock, intervalMs, offerForMs, board, fleet } = this.#options;
    board.withdrawOffers();
    board.parking.freeAll();
    for (const { pulse } of fleet.members()) this.#muster(pulse.incarnation);
    this.#stopTicking = clock.every(intervalMs, () => void this.#tick());
    this.#stopExpiring = clock.every(Math.max(50, offerForMs / 10), () => this.#expire());
    this.wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopTicking();
    this.#stopExpiring();
    this.#stopWaiting();
  }

  /** Whose turn it is among tenants, in each lane; to be looked at only. */
  get turns(): LaneShares {
    return this.#tenants;
  }

  /** Something has changed: decide at the end of this turn. */
  wake(): void {
    if (this.#awake || this.#stopped) return;
    this.#awake = true;
    this.#options.clock.endOfTurn(() => {
      this.#awake = false;
      this.#pass();
    });
  }

  #pass(): void {
    const { board, fleet, lookAhead, throttle, gpuSpillOver, room, isTrusted, clock } = this.#options;
    if (this.#stopped || this.#writing) return;
    if (!isTrusted()) return this.#wakeLater();
    for (const worker of new Set([...fleet.changed(), ...board.touched()])) this.#muster(worker);
    this.#age();
    for (const limit of throttle.begin()) board.parking.free(limit);
    const began = clock.mono();
    const isLate = () => clock.mono() - began > passForMs;
    const offerings = decide(board, this.#crew, {
      lookAhead: (type, slots) => lookAhead.of(type, slots),
      gpuSpillOver,
      holdsAt: (worker) => (fleet.isDoubted(worker) ? [] : room.holdsAt(worker)),
      most: offersAtOnce,
      isLate,
      room: (queue) => throttle.room(board.queue(queue)),
      roomUnder: (limit) => throttle.room(board.accounts.named(limit)),
      shares: this.#shares,
      tenants: this.#tenants,
    });
    this.#decisions += offerings.length;
    if (offerings.length > 0) this.#mail(offerings);
    if (offerings.length === offersAtOnce || (offerings.length > 0 && isLate())) this.wake();
    else this.#waitForRoom();
  }

  #mail(offerings: readonly Offering[]): void {
    const { board, throttle, mail, telemetry, clock, offerForMs } = this.#options;
    const sentAt = clock.now();
    const until = sentAt + offerForMs;
    const letters = new Map<string, Offer[]>();
    const [free, limited]: [Entry[], Entry[]] = [[], []];
    for (const offering of offerings) {
      const { entry, worker } = offering;
      const accounts = board.accountsOf(entry);
      const isLimited = throttle.isLimited(accounts);
      (isLimited ? limited : free).push(entry);
      board.offered(entry, worker, isLimited ? until + graceMs : until);
      throttle.took(accounts);
      served(offering, { shares: this.#shares, tenants: this.#tenants });
      const letter = letters.get(worker) ?? [];
      letters.set(worker, letter);
      const trace = tellOffer(entry, { worker, at: sentAt });
      letter.push({
        ...this.#offer(entry, until),
        ...(isLimited ? { isLimited } : {}),
        ...(trace === undefined ? {} : { trace }),
      });
      telemetry.tell('job.offered', { key: entry.key, worker, trace: traceIdIn(entry) });
    }
    if (free.length > 0) this.#offered.push({ entries: free, sentAt, until });
    if (limited.length > 0) this.#offeredLimited.push({ entries: limited, sentAt, until: until + graceMs });
    for (const [worker, offers] of letters) mail.send(worker, offers);
  }

  /** Lets jobs rise that have waited for long; so many at once that nobody else waits for it. */
  #age(): void {
    const { board, clock } = this.#options;
    if (clock.mono() - this.#agedAt < ageEveryMs) return;
    if (board.age(clock.now(), risenAtOnce) < risenAtOnce) this.#agedAt = clock.mono();
    else this.wake();
  }

  /** Comes again when something that has no room now will have some, by time alone. */
  #waitForRoom(): void {
    const { throttle, clock } = this.#options;
    this.#stopWaiting();
    const againInMs = throttle.againInMs();
    if (!Number.isFinite(againInMs)) return;
    this.#stopWaiting = clock.after(Math.max(throttledAgainMs, againInMs), () => this.wake());
  }

  #wakeLater(): void {
    if (this.#waitsForTrust) return;
    this.#waitsForTrust = true;
    this.#options.clock.after(trustAgainMs, () => {
      this.#waitsForTrust = false;
      this.wake();
    });
  }

  #offer(entry: Entry, until: number): Offer {
    const record = this.#options.bodies.get(entry.key, entry.revision);
    return { key: entry.key, revision: entry.revision, expiresAt: until, ...(record === undefined ? {} : { record }) };
  }

  /** Something about a worker may have changed: it stands in the crew as it is now, or no more. */
  #muster(worker: string): void {
    const { board, fleet, throttle } = this.#options;
    const member = fleet.get(worker);
    if (member !== undefined && fleet.takesJobs(member)) {
      const candidate = this.#candidate(member.pulse);
      if (candidate === undefined) this.#crew.remove(worker);
      else this.#crew.put(candidate);
      return;
    }
    this.#crew.remove(worker);
    // One that is gone, drains or hangs does not answer its mail.
    board.withdrawOffers(worker, (entry) => throttle.isLimited(board.accountsOf(entry)));
  }

  /** Who is doubted has room for one job, and for none as long as that one is on offer. */
  #candidate({ incarnation, capacity }: Pulse): Candidate | undefined {
    const { fleet, board, lookAhead } = this.#options;
    const { usage, offers, slotsByType } = board.holding(incarnation);
    const long = lookAhead.longOf(slotsByType);
    if (!fleet.isDoubted(incarnation)) return { incarnation, capacity, usage, long };
    const slots = Math.min(capacity.slots, usage.slots + 1);
    return offers.size > 0 ? undefined : { incarnation, capacity: { ...capacity, slots }, usage, long };
  }

  /** Puts back what was offered and not claimed in time. */
  #expire(): void {
    const withdrawn = this.#expireOf(this.#offered) + this.#expireOf(this.#offeredLimited);
    if (withdrawn > 0) this.wake();
  }

  #expireOf(offered: Offered[]): number {
    const now = this.#options.clock.now();
    let withdrawn = 0;
    for (let next = offered[0]; next !== undefined && next.until <= now; next = offered[0]) {
      offered.shift();
      withdrawn += this.#expired(next);
    }
    return withdrawn;
  }

  /** Puts back what was offered in one pass; returns how much that was. */
  #expired({ entries, sentAt, until }: Offered): number {
    const { board } = this.#options;
    const unclaimed = entries.filter((entry) => entry.offer?.until === until && board.get(entry.key) === entry);
    const workers = new Set(unclaimed.flatMap(({ offer }) => (offer === undefined ? [] : [offer.worker])));
    for (const entry of unclaimed) board.withdraw(entry);
    for (const worker of workers) this.#unanswered(worker, { sentAt, until });
    return unclaimed.length;
  }

  /** As long as our own words do not reach the broker, nobody can have answered them. */
  #unanswered(worker: string, letter: Letter): void {
    const { fleet, notices, isTrusted } = this.#options;
    if (isTrusted() && fleet.unanswered(worker, letter)) notices.send(worker, { verb: 'deaf' });
  }

  async #tick(): Promise<void> {
    if (this.#writing || !this.#options.isTrusted()) return;
    this.#pass();
    const { move, clock, telemetry } = this.#options;
    const moves = this.#stuck().map((entry) => {
      const reason = why(entry, this.#options).code;
      telemetry.tell('job.queued', { key: entry.key, reason, trace: traceIdIn(entry) });
      return {
        key: entry.key,
        revision: entry.revision,
        event: () => ({ type: 'job.queued' as const, at: clock.now(), reason }),
      };
    });
    this.#writing = true;
    const queued = await move(moves).catch(() => 0);
    this.#writing = false;
    this.wake();
    const offered = this.#decisions;
    this.#decisions = 0;
    telemetry.tell('scheduler.pass', {
      queued,
      offered,
      reasons: this.#reasons(),
      workersByStatus: this.#workersByStatus(),
      waiting: this.#waiting(),
    });
  }

  /** Why jobs wait, and how many of them: who stands in one line waits for what its first one waits for. */
  #reasons(): Record<string, number> {
    const reasons: Record<string, number> = {};
    let looked = 0;
    for (const lane of this.#options.board.lanes())
      for (const line of lane) {
        const [first] = line;
        if (first === undefined) continue;
        const reason = looked++ < explainedAtOnce ? why(first, this.#options).code : 'not looked at';
        reasons[reason] = (reasons[reason] ?? 0) + line.size;
      }
    return reasons;
  }

  /** Pending jobs that no worker can take now, heads of lanes first. */
  #stuck(): Entry[] {
    const stuck: Entry[] = [];
    for (const lane of this.#options.board.lanes())
      for (const queue of lane)
        for (const entry of queue) {
          if (stuck.length >= queuedAtOnce) return stuck;
          if (entry.state === 'pending') stuck.push(entry);
        }
    return stuck;
  }

  #waiting(): number {
    let waiting = 0;
    for (const lane of this.#options.board.lanes()) for (const queue of lane) waiting += queue.size;
    return waiting;
  }

  #workersByStatus(): Record<WorkerStatus, number> {
    const counts: Record<WorkerStatus, number> = {
      starting: 0,
      available: 0,
      busy: 0,
      draining: 0,
      offline: 0,
      lost: 0,
    };
    for (const { status } of this.#options.fleet.members()) counts[status]++;
    return counts;
  }
}
