/**
 * Bulk operations, as a master sees them: it claims those that nobody works at, and carries them out.
 *
 * Any master may, whether it leads or not; a leader waits a moment, so that one that stands by comes first. A claim is a
 * conditional write of the operation's record that says until when; who holds it writes again in time. A master that dies
 * writes no more, and another one takes over from what the record says. How the work is done is in `bulk-run.ts`.
 */

import { type BulkRecord, hasEnded, refusedOf } from '../runtime/bulk.ts';
import type { Cancel } from '../runtime/clock.ts';
import { Fault, messageOf } from '../runtime/faults.ts';
import type { Stop } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { BulkRun, type BulkRunOptions, claimForMs } from './bulk-run.ts';
import { patientlyAtStart } from './patience.ts';

export interface BulksOptions extends BulkRunOptions {
  telemetry: Telemetry;
  name: string;
  leads: () => boolean;
}

const mostAtOnce = 4;
const leaderWaitsMs = 250;
const againMs = 1_000;
const stopWithinMs = 2_000;
/** Operations that have ended are kept so many, and so long. */
const keptEnded = 100;
const keptForMs = 30 * 86_400_000;

export class Bulks {
  readonly #options: BulksOptions;
  readonly #runs = new Map<string, { run: BulkRun; ended: Promise<void> }>();
  readonly #waits = new Map<string, Cancel>();
  #stopWatching: Stop = async () => {};
  #isStopped = false;

  constructor(options: BulksOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { world, clock } = this.#options;
    const watch = () => world.control.bulk.watch((operation) => this.#heard(operation));
    this.#stopWatching = await patientlyAtStart(watch, clock);
  }

  /** Leaves what it works at to others. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const cancel of this.#waits.values()) cancel();
    await this.#stopWatching();
    const runs = [...this.#runs.values()];
    for (const { run } of runs) run.stop();
    if (runs.length === 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(stopWithinMs, resolve);
    await Promise.race([Promise.all(runs.map(({ ended }) => ended)), late]);
    cancel();
  }

  #heard(operation: BulkRecord): void {
    const { id, claim } = operation;
    const own = this.#runs.get(id);
    if (own !== undefined) return own.run.heard(operation);
    this.#waits.get(id)?.();
    this.#waits.delete(id);
    if (hasEnded(operation)) return;
    const { clock, leads, incarnation } = this.#options;
    const isTaken = claim !== undefined && claim.by !== incarnation;
    const freeIn = isTaken ? Math.max(0, claim.until - clock.now()) : 0;
    this.#lookIn(id, freeIn + (leads() ? leaderWaitsMs : 0) + 50 * clock.chance());
  }

  #lookIn(id: string, ms: number): void {
    if (this.#isStopped) return;
    this.#waits.get(id)?.();
    this.#waits.set(
      id,
      this.#options.clock.after(ms, () => void this.#look(id)),
    );
  }

  /** Claims it where nobody has it. */
  async #look(id: string): Promise<void> {
    const { world, clock, incarnation } = this.#options;
    this.#waits.delete(id);
    if (this.#runs.size >= mostAtOnce) return this.#lookIn(id, againMs);
    try {
      const stored = await world.control.bulk.read(id);
      if (this.#isStopped || this.#runs.has(id) || stored === undefined || hasEnded(stored.operation)) return;
      const { claim } = stored.operation;
      if (claim !== undefined && claim.by !== incarnation && claim.until > clock.now())
        return this.#heard(stored.operation);
      await this.#take(stored.operation, stored.revision);
    } catch (cause) {
      this.#failed(cause);
      this.#lookIn(id, againMs);
    }
  }

  async #take(operation: BulkRecord, expected: number): Promise<void> {
    const { world, clock, incarnation, name, telemetry } = this.#options;
    const { id, verb, by, claim: former } = operation;
    const claim = { by: incarnation, name, until: clock.now() + claimForMs };
    const claimed: BulkRecord = { ...operation, claim };
    const revision = await world.control.bulk.write(claimed, expected);
    if (revision === undefined) return this.#lookIn(id, againMs);
    if (this.#isStopped || this.#runs.has(id)) return;
    telemetry.tell('bulk.claimed', { id, verb: verb.verb, by, former: former?.name ?? 'nobody' });
    const run = new BulkRun(this.#options, { operation: claimed, revision });
    const ended = this.#carryOut(run, id);
    this.#runs.set(id, { run, ended });
  }

  async #carryOut(run: BulkRun, id: string): Promise<void> {
    try {
      const operation = await run.carryOut();
      if (operation !== undefined) await this.#ended(operation);
    } catch (cause) {
      this.#failed(cause);
    }
    this.#runs.delete(id);
    // Where somebody else has it, or it could not be ended: whether it goes on is seen again.
    this.#lookIn(id, againMs);
  }

  async #ended(operation: BulkRecord): Promise<void> {
    const { id, verb, state, done, by, abort } = operation;
    const facts = { id, verb: verb.verb, state, done, refused: refusedOf(operation), by: abort?.by ?? by };
    this.#options.telemetry.tell('bulk.ended', facts);
    await this.#forgetOld();
  }

  /** Of those that have ended, the newest stay. */
  async #forgetOld(): Promise<void> {
    const { world, clock } = this.#options;
    const ended = (await world.control.bulk.list()).filter(hasEnded);
    ended.sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0));
    const old = ended.filter(({ endedAt = 0 }, at) => at >= keptEnded || endedAt < clock.now() - keptForMs);
    for (const { id } of old) {
      const stored = await world.control.bulk.read(id);
      if (stored !== undefined) await world.control.bulk.forget(id, stored.revision);
    }
  }

  /** A broker that is away comes back, and then it is looked at again. */
  #failed(cause: unknown): void {
    if (this.#isStopped || (cause instanceof Fault && cause.retryable)) return;
    this.#options.telemetry.tell('process.failed', { what: 'a bulk operation', error: messageOf(cause) });
  }
}
