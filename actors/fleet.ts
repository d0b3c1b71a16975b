/**
 * The fleet: which workers there are, as their pulses say, and which have fallen silent.
 *
 * A worker is lost when nothing was heard of it for `lostAfter`, counted only while the leader can hear at all:
 * after each pause in the leader's own hearing the count of every worker starts anew. What a worker holds is the
 * board's knowledge, not the fleet's.
 */

import type { Clock } from '../runtime/clock.ts';
import type { Pulse, WorkerStatus } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';

/** A worker as the fleet knows it. `heardAt` is monotonic, ms. */
export interface Member {
  pulse: Pulse;
  status: WorkerStatus;
  heardAt: number;
}

export interface FleetOptions {
  clock: Clock;
  telemetry: Telemetry;
  lostAfterMs: number;
  /** Something about who may take jobs has changed. */
  onChange: () => void;
}

/** A main loop that has not turned for so long is hung: no new offers, though its pulse still comes. */
const hungAfterMs = 3_000;
const forgottenAfterMs = 10 * 60_000;

export class Fleet {
  readonly #options: FleetOptions;
  readonly #members = new Map<string, Member>();
  #checkedAt: number;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#checkedAt = options.clock.mono();
  }

  members(): readonly Member[] {
    return [...this.#members.values()];
  }

  get(incarnation: string): Member | undefined {
    return this.#members.get(incarnation);
  }

  heard(pulse: Pulse): void {
    const { clock, telemetry, onChange } = this.#options;
    const known = this.#members.get(pulse.incarnation);
    const facts = { incarnation: pulse.incarnation, name: pulse.name };
    if (known === undefined) telemetry.tell('worker.joined', facts);
    if (known !== undefined && known.status !== 'offline' && pulse.status === 'offline')
      telemetry.tell('worker.left', facts);
    this.#members.set(pulse.incarnation, { pulse, status: pulse.status, heardAt: clock.mono() });
    if (known === undefined || known.status !== pulse.status || isHung(known.pulse) !== isHung(pulse)) onChange();
  }

  /** Whether this worker may be offered jobs now. */
  takesJobs({ status, pulse }: Member): boolean {
    return (status === 'available' || status === 'busy') && !isHung(pulse);
  }

  /** Takes the silent for lost and forgets the long gone. To be called about once a second; returns who was lost. */
  check(): readonly Member[] {
    const now = this.#options.clock.mono();
    const deaf = now - this.#checkedAt > this.#options.lostAfterMs / 2;
    this.#checkedAt = now;
    if (deaf) this.startAnew();
    for (const [incarnation, member] of this.#members)
      if (isGone(member) && now - member.heardAt > forgottenAfterMs) this.#members.delete(incarnation);
    const silent = this.members().filter(
      (member) => !isGone(member) && now - member.heardAt > this.#options.lostAfterMs,
    );
    for (const member of silent) this.#lose(member);
    return silent;
  }

  /** Nothing can be heard at the moment: silence counts from now on. */
  startAnew(): void {
    const now = this.#options.clock.mono();
    this.#checkedAt = now;
    for (const member of this.#members.values()) if (!isGone(member)) member.heardAt = now;
  }

  /** Whether the worker of this incarnation is known to be gone, or was never heard of. */
  isGone(incarnation: string): boolean {
    const member = this.#members.get(incarnation);
    return member === undefined || isGone(member);
  }

  #lose(member: Member): void {
    member.status = 'lost';
    const { incarnation, name } = member.pulse;
    this.#options.telemetry.tell('worker.lost', { incarnation, name });
    this.#options.onChange();
  }
}

function isGone(member: Member): boolean {
  return member.status === 'lost' || member.status === 'offline';
}

function isHung(pulse: Pulse): boolean {
  return pulse.loopLagMs > hungAfterMs;
}
