/**
 * The fleet: which workers there are, as their pulses say, and which have fallen silent.
 *
 * A worker is lost when nothing was heard of it for `lostAfter`, counted only while the leader can hear at all; after
 * half of that it is offered nothing more. Where much of the fleet falls silent at once, the fault is likelier between
 * them and us than in each of them: all of those get as long again. What a worker holds is the board's knowledge, not
 * the fleet's.
 */

import type { Clock } from '../runtime/clock.ts';
import type { Pulse, WorkerStatus } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';

/** A worker as the fleet knows it. `heardAt` is monotonic, ms. */
export interface Member {
  pulse: Pulse;
  status: WorkerStatus;
  heardAt: number;
  /** Nothing was heard of it for half the time after which it is lost. */
  isSilent: boolean;
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
  /** How many are silent at once, where that is much of the fleet; 0 elsewhere. */
  #silentAtOnce = 0;

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
    this.#members.set(pulse.incarnation, { pulse, status: pulse.status, heardAt: clock.mono(), isSilent: false });
    const isNews = known?.status !== pulse.status || known.isSilent || isHung(known.pulse) !== isHung(pulse);
    if (isNews) onChange();
  }

  /** Whether this worker may be offered jobs now. */
  takesJobs({ status, pulse, isSilent }: Member): boolean {
    return (status === 'available' || status === 'busy') && !isHung(pulse) && !isSilent;
  }

  /** Takes the silent for lost and forgets the long gone. To be called about once a second; returns who was lost. */
  check(): readonly Member[] {
    const now = this.#options.clock.mono();
    if (now - this.#checkedAt > this.#options.lostAfterMs / 2) this.hearsNothing();
    this.#checkedAt = now;
    for (const [incarnation, member] of this.#members)
      if (isGone(member) && now - member.heardAt > forgottenAfterMs) this.#members.delete(incarnation);
    const present = this.#present();
    const patienceMs = this.#isMassSilent(present, now) ? 2 * this.#options.lostAfterMs : this.#options.lostAfterMs;
    return present.filter((member) => this.#listenFor(member, now - member.heardAt, patienceMs));
  }

  /** Whether more than a third of the fleet, and more than one, would be lost now. */
  #isMassSilent(present: readonly Member[], now: number): boolean {
    const { lostAfterMs, telemetry } = this.#options;
    const { length: silent } = present.filter(({ heardAt }) => now - heardAt > lostAfterMs);
    const isMass = silent > 1 && silent * 3 > present.length;
    if (isMass && silent > this.#silentAtOnce) telemetry.tell('workers.silent', { silent, workers: present.length });
    this.#silentAtOnce = isMass ? silent : 0;
    return isMass;
  }

  /**
   * Nothing could be heard since the last check: that while counts against nobody. Returns how long it was, ms.
   *
   * It is not the count that starts anew: a leader that stumbles now and then must still find who is lost.
   */
  hearsNothing(): number {
    const now = this.#options.clock.mono();
    const deafMs = now - this.#checkedAt;
    this.#checkedAt = now;
    for (const member of this.#present()) member.heardAt = Math.min(now, member.heardAt + deafMs);
    return deafMs;
  }

  /** Whether the worker of this incarnation is known to be gone, or was never heard of. */
  isGone(incarnation: string): boolean {
    const member = this.#members.get(incarnation);
    return member === undefined || isGone(member);
  }

  #present(): readonly Member[] {
    return this.members().filter((member) => !isGone(member));
  }

  /** Draws the conclusions from how long a worker has been silent. Returns whether it is lost. */
  #listenFor(member: Member, silentMs: number, patienceMs: number): boolean {
    const { lostAfterMs, onChange } = this.#options;
    const isLost = silentMs > patienceMs;
    if (isLost) this.#lose(member);
    else if (!member.isSilent && silentMs > lostAfterMs / 2) {
      member.isSilent = true;
      onChange();
    }
    return isLost;
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
