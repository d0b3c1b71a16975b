/**
 * The fleet: which workers there are, as their pulses say, and which have fallen silent.
 *
 * A worker is lost when nothing was heard of it for `lostAfter`, counted only while the leader can hear at all; after
 * half of that it is offered nothing more. Where many fall silent together it is more likely the road to them that
 * broke: they get twice the time. What a worker holds is the board's knowledge, not the fleet's.
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
  /** Many have been silent for too long together, and that was told. */
  #isPatient = false;

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
    const wasHung = known !== undefined && isHung(known.pulse);
    if (!wasHung && isHung(pulse)) telemetry.tell('worker.hung', { ...facts, loopLagMs: pulse.loopLagMs });
    if (wasHung && !isHung(pulse)) telemetry.tell('worker.unhung', facts);
    this.#members.set(pulse.incarnation, { pulse, status: pulse.status, heardAt: clock.mono(), isSilent: false });
    const isNews = known?.status !== pulse.status || known.isSilent || wasHung !== isHung(pulse);
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
    const patienceMs = this.#patienceMs(now);
    return this.#present().filter((member) => this.#listenFor(member, now - member.heardAt, patienceMs));
  }

  /** How long a worker may be silent now. Pulses come apart, so those that are merely silent count as falling too. */
  #patienceMs(now: number): number {
    const { lostAfterMs, telemetry } = this.#options;
    const present = this.#present();
    const silentFor = (ms: number) => present.filter(({ heardAt }) => now - heardAt > ms).length;
    const silent = silentFor(lostAfterMs / 2);
    if (!isMassLoss(silent, present.length)) {
      this.#isPatient = false;
      return lostAfterMs;
    }
    if (!this.#isPatient && silentFor(lostAfterMs) > 0) {
      this.#isPatient = true;
      telemetry.tell('workers.silentTogether', { silent, workers: present.length });
    }
    return 2 * lostAfterMs;
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

/** Whether so many of all workers at once are too many to be taken for lost without a second look. */
function isMassLoss(lost: number, all: number): boolean {
  return lost >= 2 && lost * 3 > all;
}

/** Whether the worker's process pulses while its main loop stands still. */
export function isHung(pulse: Pulse): boolean {
  return pulse.loopLagMs > hungAfterMs;
}
