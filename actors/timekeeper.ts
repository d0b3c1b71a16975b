/**
 * Owns what is due: delays, backoffs, expiries, and attempts that outlived their worker's own timers.
 *
 * It keeps no truth: every moment stands in a record, is seen in its head, and is looked up again on the board when
 * it comes. A timer that belongs to an earlier visit of its state is recognised by the revision and dropped. After
 * a restart all that was missed is due at once, a batch at a time.
 */

import { isActive, isSettled, type JobEvent } from '../machines/job.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import type { Board } from './board.ts';
import type { Entry } from './entry.ts';
import type { Move, Mover } from './mover.ts';

export interface TimekeeperOptions {
  board: Board;
  move: Mover;
  clock: Clock;
  /** How long after an attempt's timeout the leader ends it in the worker's place, ms. */
  overdueAfterMs: number;
}

interface Alarm {
  at: number;
  key: string;
  revision: number;
}

const atOnce = 500;
const longestSleepMs = 1_000;

export class Timekeeper {
  readonly #options: TimekeeperOptions;
  readonly #alarms = new AlarmHeap();
  #wakeAt = Number.POSITIVE_INFINITY;
  #timer: Cancel = () => {};
  #ringing = false;
  #stopped = false;

  constructor(options: TimekeeperOptions) {
    this.#options = options;
  }

  start(): void {
    for (const entry of this.#options.board.entries()) this.watch(entry);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer();
  }

  /** Sets the alarm for what `entry` waits for next, if it waits for a moment at all. */
  watch(entry: Entry): void {
    const at = this.#momentOf(entry);
    if (at === undefined) return;
    this.#alarms.push({ at, key: entry.key, revision: entry.revision });
    if (at < this.#wakeAt) this.#sleep();
  }

  #momentOf(entry: Entry): number | undefined {
    if (isSettled(entry.state) || entry.isOfNewer) return undefined;
    if (isActive(entry.state))
      return entry.timeoutMs === undefined
        ? undefined
        : entry.updatedAt + entry.timeoutMs + this.#options.overdueAfterMs;
    const waits = entry.state === 'scheduled' || entry.state === 'retrying';
    const moments = [waits ? entry.dueAt : undefined, entry.expiresAt].filter((moment) => moment !== undefined);
    return moments.length === 0 ? undefined : Math.min(...moments);
  }

  #sleep(): void {
    this.#timer();
    const next = this.#alarms.first;
    if (next === undefined || this.#stopped) return;
    this.#wakeAt = next.at;
    const ms = Math.max(0, Math.min(longestSleepMs, next.at - this.#options.clock.now()));
    this.#timer = this.#options.clock.after(ms, () => void this.#ring());
  }

  async #ring(): Promise<void> {
    if (this.#ringing) return;
    this.#ringing = true;
    const moves = this.#due();
    await this.#options.move(moves).catch(() => this.#later(moves));
    this.#ringing = false;
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.#sleep();
  }

  #due(): Move[] {
    const now = this.#options.clock.now();
    const moves: Move[] = [];
    for (
      let next = this.#alarms.first;
      next !== undefined && next.at <= now && moves.length < atOnce;
      next = this.#alarms.first
    ) {
      this.#alarms.pop();
      const entry = this.#options.board.get(next.key);
      if (entry === undefined || entry.revision !== next.revision) continue;
      moves.push({ key: entry.key, revision: entry.revision, event: () => this.#eventOf(entry) });
    }
    return moves;
  }

  #later(moves: readonly Move[]): void {
    for (const { key, revision } of moves)
      this.#alarms.push({ at: this.#options.clock.now() + longestSleepMs, key, revision });
  }

  #eventOf(entry: Entry): JobEvent {
    const at = this.#options.clock.now();
    if (isActive(entry.state)) return this.#overdue(entry, at);
    if (entry.expiresAt !== undefined && entry.expiresAt <= at)
      return {
        type: 'job.expired',
        at,
        error: {
          kind: 'expired',
          message: `It was not started before its expiry at ${new Date(entry.expiresAt).toISOString()}.`,
          retryable: false,
        },
      };
    return { type: 'job.due', at };
  }

  #overdue(entry: Entry, at: number): JobEvent {
    const message = `It ran longer than its timeout of ${entry.timeoutMs} ms, and its worker did not end it.`;
    return {
      type: 'attempt.lost',
      at,
      attempt: entry.attempt,
      spread: this.#options.clock.chance(),
      error: { kind: 'timeout', message },
    };
  }
}

/** A binary heap of alarms, the earliest first. */
class AlarmHeap {
  readonly #alarms: Alarm[] = [];

  get first(): Alarm | undefined {
    return this.#alarms[0];
  }

  push(alarm: Alarm): void {
    let at = this.#alarms.push(alarm) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!this.#swapIfEarlier(at, up)) return;
      at = up;
    }
  }

  pop(): void {
    const last = this.#alarms.pop();
    if (last === undefined || this.#alarms.length === 0) return;
    this.#alarms[0] = last;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const child = this.#isEarlier(left + 1, left) ? left + 1 : left;
      if (!this.#swapIfEarlier(child, at)) return;
      at = child;
    }
  }

  #isEarlier(a: number, b: number): boolean {
    const one = this.#alarms[a];
    const other = this.#alarms[b];
    return one !== undefined && other !== undefined && one.at < other.at;
  }

  #swapIfEarlier(a: number, b: number): boolean {
    const one = this.#alarms[a];
    const other = this.#alarms[b];
    if (one === undefined || other === undefined || one.at >= other.at) return false;
    this.#alarms[a] = other;
    this.#alarms[b] = one;
    return true;
  }
}
