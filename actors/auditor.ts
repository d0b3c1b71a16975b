/**
 * Compares what the records say with who is there: an active job belongs to a live worker that says it holds it.
 *
 * Jobs of a lost worker are taken back by the ordinary CAS, so a worker that was only slow and finishes first wins.
 * A worker that was taken for lost and is heard again is told so at each pulse, until it comes back as another one. A
 * worker whose claims differ from the board's for two pulses is asked to look at each of them, at those that the board
 * has and at those that it has itself; only the record decides. Everything it mends is counted.
 */

import type { Cancel, Clock } from '../runtime/clock.ts';
import type { Notices, Pulse } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { Board } from './board.ts';
import { claimsHash } from './claims-hash.ts';
import type { Entry } from './entry.ts';
import type { Fleet } from './fleet.ts';
import type { Mover } from './mover.ts';

export interface AuditorOptions {
  board: Board;
  fleet: Fleet;
  move: Mover;
  notices: Notices;
  clock: Clock;
  telemetry: Telemetry;
  lostAfterMs: number;
  /** Whether this leader's own words reach the broker and come back: else the silence of others says nothing. */
  isTrusted: () => boolean;
}

/** Claims younger than this may differ because news is under way. */
const settledAfterMs = 2_000;

export class Auditor {
  readonly #options: AuditorOptions;
  readonly #mismatches = new Map<string, number>();
  #startedAt = 0;
  #stop: Cancel = () => {};

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  start(): void {
    this.#startedAt = this.#options.clock.mono();
    this.#options.fleet.beginTerm();
    this.#stop = this.#options.clock.every(Math.min(250, this.#options.lostAfterMs / 4), () => this.#check());
  }

  stop(): void {
    this.#stop();
    this.#options.fleet.endTerm();
  }

  /** Compares what a worker says of itself with what is known of it: that it is there, and what it holds. */
  compare(pulse: Pulse): void {
    const { fleet, notices } = this.#options;
    if (fleet.isGone(pulse.incarnation)) {
      this.#mismatches.delete(pulse.incarnation);
      if (fleet.isLost(pulse.incarnation)) notices.send(pulse.incarnation, { verb: 'lost' });
      return;
    }
    const { count, hash } = this.#claimsOf(pulse.incarnation);
    if (count === pulse.claims.count && hash === pulse.claims.hash) {
      this.#mismatches.delete(pulse.incarnation);
      return;
    }
    const seen = (this.#mismatches.get(pulse.incarnation) ?? 0) + 1;
    this.#mismatches.set(pulse.incarnation, seen);
    if (seen < 2) return;
    this.#askToLook(pulse.incarnation);
  }

  #claimsOf(worker: string): { count: number; hash: number } {
    return claimsHash([...this.#options.board.holding(worker).claims].map(({ key, attempt }) => ({ key, attempt })));
  }

  #askToLook(worker: string): void {
    this.#mismatches.delete(worker);
    this.#options.notices.send(worker, { verb: 'recount' });
    const before = this.#options.clock.now() - settledAfterMs;
    for (const { key, updatedAt } of this.#options.board.holding(worker).claims) {
      if (updatedAt > before) continue;
      this.#options.telemetry.tell('auditor.repaired', { what: 'claim compared', key });
      this.#options.notices.send(worker, { verb: 'look', key });
    }
  }

  #check(): void {
    const { fleet, board, clock, lostAfterMs, notices, isTrusted } = this.#options;
    if (!isTrusted()) {
      this.#startedAt += fleet.hearsNothing();
      return;
    }
    for (const { pulse } of fleet.check()) {
      this.#mismatches.delete(pulse.incarnation);
      notices.send(pulse.incarnation, { verb: 'lost' });
    }
    // A worker that this leader never heard of may only have been silent since before its term.
    const settledIn = clock.mono() - this.#startedAt > lostAfterMs;
    for (const worker of board.holders()) {
      const known = fleet.get(worker);
      if (known === undefined ? settledIn : fleet.isGone(worker))
        void this.#takeBack(
          worker,
          [...board.holding(worker).claims].filter(({ isOfNewer }) => !isOfNewer),
        );
    }
  }

  async #takeBack(worker: string, claims: readonly Entry[]): Promise<void> {
    const { move, clock, fleet, telemetry } = this.#options;
    const name = fleet.get(worker)?.pulse.name ?? worker;
    const moves = claims.map((entry) => ({
      key: entry.key,
      revision: entry.revision,
      event: () => ({
        type: 'attempt.lost' as const,
        at: clock.now(),
        attempt: entry.attempt,
        spread: clock.chance(),
        error: { kind: 'lost' as const, message: `Worker ${name} was lost while it held the job.` },
      }),
    }));
    const count = await move(moves).catch(() => 0);
    if (count > 0) telemetry.tell('jobs.takenBack', { count });
  }
}
