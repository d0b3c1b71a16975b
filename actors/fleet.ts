/**
 * The fleet: which workers there are, as their pulses say, and which have fallen silent.
 *
 * A worker is lost when nothing was heard of it for `lostAfter`, counted only while the leader can hear at all; after
 * half of that it is offered nothing more. Where many fall silent together it is more likely the road to them that
 * broke: they get twice the time. Who was lost stays lost, even if it is heard again: it is told so, and comes back under
 * another incarnation. Who pulses and answers no mail is deaf (`deafness.ts`). What a worker holds is the board's knowledge, not the fleet's.
 */

import type { Clock } from '../runtime/clock.ts';
import type { Pulse, WorkerStatus } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { Deafness, type Letter } from './deafness.ts';

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
  readonly #deafness: Deafness;
  readonly #changed = new Set<string>();
  #checkedAt: number;
  /** Many have been silent for too long together, and that was told. */
  #isPatient = false;
  #inTerm = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#checkedAt = options.clock.mono();
    this.#deafness = new Deafness(options.clock);
  }

  members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** Workers of which it may be otherwise than when this was last asked whether, and with what, they take jobs. */
  changed(): readonly string[] {
    const changed = new Set([...this.#changed, ...this.#deafness.doubted()]);
    this.#changed.clear();
    return [...changed];
  }

  get(incarnation: string): Member | undefined {
    return this.#members.get(incarnation);
  }

  heard(pulse: Pulse): void {
    const { clock, telemetry, onChange } = this.#options;
    const known = this.#members.get(pulse.incarnation);
    if (known?.status === 'lost' && pulse.status !== 'offline') {
      known.heardAt = clock.mono();
      return;
    }
    const facts = { incarnation: pulse.incarnation, name: pulse.name };
    if (known === undefined) {
      this.#forget(pulse);
      telemetry.tell('worker.joined', { ...facts, types: pulse.capacity.types.join(',') });
    }
    if (known !== undefined && known.status !== 'offline' && pulse.status === 'offline')
      telemetry.tell('worker.left', facts);
    const wasHung = known !== undefined && isHung(known.pulse);
    if (!wasHung && isHung(pulse)) telemetry.tell('worker.hung', { ...facts, loopLagMs: pulse.loopLagMs });
    if (wasHung && !isHung(pulse)) telemetry.tell('worker.unhung', facts);
    this.#members.set(pulse.incarnation, { pulse, status: pulse.status, heardAt: clock.mono(), isSilent: false });
    const isNews = known?.status !== pulse.status || known.isSilent || wasHung !== isHung(pulse);
    if (isNews || !isSameCapacity(known?.pulse, pulse)) this.#changed.add(pulse.incarnation);
    if (isNews) onChange();
  }

  /** Whether this worker may be offered jobs now. */
  takesJobs({ status, pulse, isSilent }: Member): boolean {
    const isAbroad = isHung(pulse) || isSilent || this.#deafness.isShunned(pulse.incarnation);
    return (status === 'available' || status === 'busy') && !isAbroad;
  }

  /** Some of a letter to this worker has expired unclaimed. Returns whether it is deaf. */
  unanswered(incarnation: string, letter: Letter): boolean {
    const member = this.#members.get(incarnation);
    if (member === undefined || !this.takesJobs(member)) return false;
    const wasDeaf = this.isDeaf(incarnation);
    const letters = this.#deafness.unanswered(incarnation, letter);
    this.#changed.add(incarnation);
    const isDeaf = this.isDeaf(incarnation);
    const { name } = member.pulse;
    if (isDeaf && !wasDeaf) this.#options.telemetry.tell('worker.deaf', { incarnation, name, letters });
    return isDeaf;
  }

  /** This worker has claimed a job that it was offered. */
  answered(incarnation: string): void {
    const name = this.#members.get(incarnation)?.pulse.name ?? incarnation;
    if (this.isDoubted(incarnation)) this.#changed.add(incarnation);
    if (this.#deafness.answered(incarnation)) this.#options.telemetry.tell('worker.undeaf', { incarnation, name });
  }

  /** Whether it left its last letters unanswered. */
  isDeaf(incarnation: string): boolean {
    return this.#deafness.isDeaf(incarnation);
  }

  /** Whether it left its last letter unanswered: it may be offered one job, to see whether it claims that. */
  isDoubted(incarnation: string): boolean {
    return this.#deafness.isDoubted(incarnation);
  }

  /** Takes the silent for lost and forgets the long gone. To be called about once a second; returns who was lost. */
  check(): readonly Member[] {
    const now = this.#options.clock.mono();
    if (now - this.#checkedAt > this.#options.lostAfterMs / 2) this.hearsNothing();
    this.#checkedAt = now;
    this.#forget();
    const patienceMs = this.#patienceMs(now);
    return this.#present().filter((member) => this.#listenFor(member, now - member.heardAt, patienceMs));
  }

  /**
   * Forgets who has not been heard for long, and the former lives of a process that has come back. Who only follows takes
   * nobody for lost, but must not keep everybody that ever was.
   */
  #forget(back?: Pulse): void {
    const before = this.#options.clock.mono() - forgottenAfterMs;
    for (const [incarnation, member] of this.#members) {
      const isFormer = back !== undefined && isGone(member) && isSameProcess(member.pulse, back);
      const isLongGone = member.heardAt < before && (isGone(member) || !this.#inTerm);
      if (!isFormer && !isLongGone) continue;
      this.#members.delete(incarnation);
      if (this.#inTerm) this.#changed.add(incarnation);
      else this.#changed.delete(incarnation);
      this.#deafness.forget(incarnation);
    }
  }

  /**
   * A term begins: what nobody counted before it counts against nobody, so everyone gets the whole time anew. But who is
   * silent already is offered nothing until it is heard.
   */
  beginTerm(): void {
    const now = this.#options.clock.mono();
    for (const member of this.#present()) {
      member.isSilent ||= now - member.heardAt > this.#options.lostAfterMs / 2;
      this.#changed.add(member.pulse.incarnation);
      member.heardAt = now;
    }
    this.#checkedAt = now;
    this.#isPatient = false;
    this.#inTerm = true;
  }

  endTerm(): void {
    this.#inTerm = false;
    this.#changed.clear();
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

  /** Whether it was taken for lost, and has not left since. */
  isLost(incarnation: string): boolean {
    return this.#members.get(incarnation)?.status === 'lost';
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
      this.#changed.add(member.pulse.incarnation);
      onChange();
    }
    return isLost;
  }

  #lose(member: Member): void {
    member.status = 'lost';
    const { incarnation, name } = member.pulse;
    this.#changed.add(incarnation);
    this.#options.telemetry.tell('worker.lost', { incarnation, name });
    this.#options.onChange();
  }
}

function isGone(member: Member): boolean {
  return member.status === 'lost' || member.status === 'offline';
}

function isSameCapacity(one: Pulse | undefined, other: Pulse): boolean {
  return JSON.stringify(one?.capacity) === JSON.stringify(other.capacity);
}

function isSameProcess(one: Pulse, other: Pulse): boolean {
  return one.name === other.name && one.host === other.host && one.pid === other.pid;
}

/** Whether so many of all workers at once are too many to be taken for lost without a second look. */
function isMassLoss(lost: number, all: number): boolean {
  return lost >= 2 && lost * 3 > all;
}

/** Whether the worker's process pulses while its main loop stands still. */
export function isHung(pulse: Pulse): boolean {
  return pulse.loopLagMs > hungAfterMs;
}
