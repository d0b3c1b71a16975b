/**
 * One life of a worker: an incarnation, from its first pulse to its last. Claims what it is offered, runs it in its
 * slots, and never runs what it has not claimed.
 *
 * Offers are claimed on receipt, all of a mail in one batch. A claim that finds no free slot within 200 ms is handed
 * back, uncounted. Draining, it claims nothing more and hands back what has not started; who leaves drains, and gives
 * what runs a deadline; whom a person drains stays, and may be told to take jobs again. A life that the leader takes
 * for lost is over: nothing that it still does counts, and what comes next is `worker.ts`'s to say.
 *
 * A broker that was started anew may have forgotten claims that it had acknowledged. So with another broker each claim
 * is looked up: what no longer holds is stopped, and what has not begun is given back, or given up, instead of begun.
 */

import { type Capacity, type Held, idle, rest, take, type Usage, usageOf } from '../machines/rules/capability.ts';
import type { Gpu } from '../machines/rules/gpu.ts';
import type { Accuracy, Clock } from '../runtime/clock.ts';
import { isFault, messageOf } from '../runtime/faults.ts';
import type { JobDefinition } from '../runtime/handler.ts';
import type { Notice, Offer, Pulse, Stop, World } from '../runtime/ports.ts';
import { type JobRecord, type Stored, storedAs } from '../runtime/record.ts';
import { type Step, step } from '../runtime/step.ts';
import { beginSpan, type Span } from '../runtime/telemetry/span.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { traceContext } from '../runtime/trace-context.ts';
import { Attempt } from './attempt.ts';
import { Claim } from './claim.ts';
import { claimsHash } from './claims-hash.ts';
import type { Commit } from './committer.ts';
import type { Devices } from './devices.ts';
import { patientlyAtStart } from './patience.ts';

export interface LifeOptions {
  world: World;
  clock: Clock;
  telemetry: Telemetry;
  commit: Commit;
  definitions: readonly JobDefinition[];
  /** What a pulse says that does not change. */
  identity: Omit<Pulse, 'status' | 'loopLagMs' | 'claims' | 'load'>;
  load: () => Pulse['load'];
  /** Its GPUs, which all lives share. */
  devices: Devices;
  /** What is free on its disk now, MiB. */
  diskMb?: () => number | undefined;
  /** How good the clock is; without it, nothing is said of it. */
  accuracy?: Accuracy;
  cancelGraceMs: number;
  drainDeadlineMs: number;
  pulseEveryMs: number;
  /** A person wanted the life before it empty. */
  isDrained: boolean;
  /** What still runs of earlier lives and has been told to stop. */
  leftovers: () => Usage;
  /** The leader has taken this incarnation for dead. */
  onLost: () => void;
}

type Moved = Extract<Step, { moved: true }>;

const startWithinMs = 200;

export class Life {
  readonly #options: LifeOptions;
  readonly #definitions: ReadonlyMap<string, JobDefinition>;
  readonly #capacity: Capacity;
  readonly #running = new Map<string, Attempt>();
  readonly #claims = new Map<string, Claim>();
  /** Keys of claims whose write has no answer yet: one claim of a job at a time, and nobody gives it up meanwhile. */
  readonly #claiming = new Set<string>();
  /** Offers of jobs whose former claim is still being given back: the leader heard of it before we did. */
  readonly #early = new Map<string, Offer>();
  #waiting: { claim: Claim; since: number }[] = [];
  readonly #used: Usage = { ...idle };
  #leaving = false;
  #isOver = false;
  #isGone = false;
  #isReopening = false;
  #closeMailbox: Stop = async () => {};
  /** A person wants it empty. */
  #drained: boolean;
  #hasMetNewer = false;
  /** The broker that has acknowledged the claims, or was asked for them. */
  #broker: string;
  #idle = Promise.withResolvers<void>();
  readonly #stops: Stop[] = [];
  #updatePulse: (pulse: Pulse) => void = () => {};

  constructor(options: LifeOptions) {
    this.#options = options;
    this.#definitions = new Map(options.definitions.map((definition) => [definition.type, definition]));
    this.#capacity = options.identity.capacity;
    this.#drained = options.isDrained;
    this.#broker = options.world.store.broker();
  }

  get incarnation(): string {
    return this.#options.identity.incarnation;
  }

  /** A person wants it empty. */
  get isDrained(): boolean {
    return this.#drained;
  }

  /** What runs takes up so much. */
  get usage(): Usage {
    return this.#used;
  }

  /** How many jobs it holds. */
  get holds(): number {
    return this.#claims.size;
  }

  /** Resolves when it is leaving or over and holds nothing any more. */
  get emptied(): Promise<void> {
    return this.#idle.promise;
  }

  /** @throws {Fault} where the broker is away for long; what had begun goes on until `end`. */
  async start(): Promise<void> {
    const { world, clock, telemetry, identity, pulseEveryMs } = this.#options;
    this.#stops.push(await world.notices.receive(this.incarnation, (notice) => this.#noticed(notice)));
    this.#stops.push(() => this.#closeMailbox());
    await this.#openMailbox();
    const pulse = await world.pulses.beat(this.#pulse());
    this.#stops.push(() => pulse.stop());
    this.#updatePulse = pulse.update;
    const stopUpdates = clock.every(pulseEveryMs / 2, () => this.#beat());
    const stopSweep = clock.every(startWithinMs / 2, () => this.#sweep());
    this.#stops.push(async () => {
      stopUpdates();
      stopSweep();
    });
    telemetry.tell('worker.started', {
      incarnation: this.incarnation,
      name: identity.name,
      types: [...this.#definitions.keys()].join(','),
      slots: this.#capacity.slots,
    });
  }

  /** Takes nothing more, lets what runs finish until the deadline, then hands it back; then it is gone. */
  async drain(): Promise<void> {
    if (this.#leaving) return this.handBackNow();
    this.#leaving = true;
    this.#beat();
    this.#fill();
    const stopDeadline = this.#options.clock.after(this.#options.drainDeadlineMs, () => this.handBackNow());
    if (!this.#isIdle()) await this.#idle.promise;
    stopDeadline();
    await this.#leave();
  }

  /** Hands back what runs, now. */
  handBackNow(): void {
    for (const attempt of this.#running.values()) attempt.stop('drained');
  }

  /**
   * Ends this incarnation, whose word counts no more: it takes nothing, tells what runs to stop, and is not heard again.
   * What ends from now on is discarded, and what was claimed and has not started is given up.
   */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#fill();
    for (const attempt of this.#running.values()) attempt.stop('fenced');
    this.#checkIdle();
    await this.#leave();
  }

  /** Looks at the record of every job that it holds: what is no longer its own is told to stop. */
  lookAtAll(): void {
    for (const { key } of this.#claims.values()) void this.#look(key);
  }

  async #leave(): Promise<void> {
    this.#isGone = true;
    this.#updatePulse({ ...this.#pulse(), status: 'offline' });
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }

  async #openMailbox(): Promise<void> {
    const { world, clock } = this.#options;
    const receive = () => world.mail.receive(this.incarnation, (offers) => void this.#claimAll(offers));
    const close = await patientlyAtStart(receive, clock);
    if (this.#isGone) await close();
    else this.#closeMailbox = close;
  }

  /** What is in it comes once more; what has expired or is ours is passed over. */
  async #openMailboxAnew(): Promise<void> {
    if (this.#isReopening) return;
    this.#isReopening = true;
    try {
      await this.#closeMailbox();
      await this.#openMailbox();
    } catch (cause) {
      this.#options.telemetry.tell('process.failed', { what: 'opening the mailbox anew', error: messageOf(cause) });
    } finally {
      this.#isReopening = false;
    }
  }

  /** What another broker acknowledged is believed only where this one says the same. */
  #minded(): void {
    const broker = this.#options.world.store.broker();
    if (broker === this.#broker) return;
    this.#broker = broker;
    this.#early.clear();
    for (const { claim } of this.#waiting.splice(0)) void this.#handBack(claim, 'the broker was started anew');
    for (const attempt of this.#running.values()) void attempt.look().catch(() => undefined);
  }

  async #claimAll(offers: readonly Offer[]): Promise<void> {
    this.#minded();
    for (const offer of offers) if (this.#claims.has(offer.key)) this.#early.set(offer.key, offer);
    const valid = offers.filter((offer) => this.#mayClaim(offer));
    const unread = valid.filter(({ record }) => record === undefined);
    for (const offer of valid)
      if (offer.record !== undefined) void this.#claim(offer, storedAs(offer.record, offer.revision));
    if (unread.length === 0) return;
    const read = await this.#options.world.store
      .readMany(unread.map(({ key }) => key))
      .catch(() => new Map<string, Stored>());
    for (const offer of unread) void this.#claimRead(offer, read.get(offer.key));
  }

  /** The record may have been read from a replica that lags: then the stream's leader has it. */
  async #claimRead(offer: Offer, read: Stored | undefined): Promise<void> {
    const stored =
      read === undefined || read.revision < offer.revision
        ? await this.#options.world.store.read(offer.key).catch((cause) => this.#notRead(offer, cause))
        : read;
    if (stored?.revision === offer.revision) await this.#claim(offer, stored);
  }

  /** A job that only a newer worker can read is left to one. Told once: there may be many. */
  #notRead({ key }: Offer, cause: unknown): undefined {
    if (!isFault(cause, 'record.unreadable') || this.#hasMetNewer) return;
    this.#hasMetNewer = true;
    this.#options.telemetry.tell('records.newer', { key });
  }

  #mayClaim({ key, expiresAt }: Offer): boolean {
    return !this.#isDraining && expiresAt > this.#options.clock.now() && !this.#isOurs(key);
  }

  async #claim(offer: Offer, stored: Stored): Promise<void> {
    const { clock, telemetry } = this.#options;
    if (!this.#mayClaim(offer) || !this.#definitions.has(stored.record.type)) return;
    const at = clock.now();
    const span = this.#beginSpan(offer, stored.record, at);
    const trace = span.isRecorded && span.place !== undefined ? { trace: span.place.parent } : {};
    const stepped = step(stored.record, { type: 'attempt.claimed', at, worker: this.incarnation, ...trace });
    if (!stepped.moved) return;
    this.#claiming.add(offer.key);
    try {
      await this.#write(offer, stepped, span);
    } catch (cause) {
      telemetry.tell('process.failed', { what: `claim of ${offer.key}`, error: messageOf(cause) });
    }
    this.#claiming.delete(offer.key);
    this.#checkIdle();
  }

  /** Goes on from the offer. */
  #beginSpan(offer: Offer, record: JobRecord, at: number): Span {
    const { type, queue, priority, context, attempts, trace } = record;
    const state = trace?.state;
    return beginSpan('job.attempt', {
      within: traceContext(offer.trace, state) ?? trace,
      after: traceContext(attempts.at(-1)?.trace),
      at,
      job: { key: offer.key, type, queue, priority, attempt: context.attempt + 1, worker: this.incarnation },
    });
  }

  /** Stores a claim, and starts it where it was stored. */
  async #write({ key, revision, ...offer }: Offer, { record, transition }: Moved, span: Span): Promise<void> {
    const { world, clock, commit, telemetry } = this.#options;
    const committed = await commit([{ key, expected: revision, record }]);
    if (committed.kind === 'conflict') return;
    const mine = storedAs(record, committed.revisions[0] ?? 0);
    const { type, queue, priority } = record;
    world.events.tell({ key, type, queue, priority, revision: mine.revision, transition });
    const claim = this.#claimOf(key, mine, span);
    telemetry.tell('attempt.claimed', claim.named);
    this.#claims.set(key, claim);
    // By now the leader may have offered its place under the limit to another job.
    if (offer.isLimited === true && offer.expiresAt <= clock.now())
      return this.#handBack(claim, 'its offer had expired when the claim was stored');
    this.#waiting.push({ claim, since: clock.mono() });
    this.#fill();
  }

  #claimOf(key: string, stored: Stored, span?: Span): Claim {
    const { world, commit, clock } = this.#options;
    const { store, events } = world;
    const recorded = span === undefined ? {} : { span };
    return new Claim({ key, stored, worker: this.incarnation, store, events, commit, clock, ...recorded });
  }

  /** Starts what waits, as long as there are slots; hands it back where nothing shall start. */
  #fill(): void {
    this.#minded();
    if (this.#isDraining) {
      for (const { claim } of this.#waiting.splice(0)) void this.#handBack(claim, 'the worker is draining');
      return;
    }
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const { requirements } = next.claim.record;
      const taken = this.#takenSlots();
      if (taken > 0 && taken + usageOf(requirements).slots > this.#capacity.slots) return;
      const own = this.#options.devices.take(requirements);
      if (own === undefined) return;
      this.#waiting.shift();
      void this.#run(next.claim, own);
    }
  }

  async #run(claim: Claim, own: readonly Gpu[]): Promise<void> {
    const { world, clock, telemetry, cancelGraceMs, devices } = this.#options;
    const definition = this.#definitions.get(claim.record.type);
    if (definition === undefined) {
      devices.giveBack(own);
      return this.#handBack(claim, 'this worker has no such handler');
    }
    const { requirements } = claim.record;
    const names = own.map(({ name }) => name);
    const held = { vramsMb: own.map(({ vramMb }) => vramMb), devices: names };
    take(this.#used, requirements, 1, held);
    const { store, blobs, events, logs } = world;
    const attempt = new Attempt({
      claim,
      definition,
      worker: this.incarnation,
      store,
      blobs,
      events,
      logs,
      clock,
      telemetry,
      graceMs: cancelGraceMs,
      ...(this.#capacity.gpu === 0 ? {} : { devices: names }),
      ...heldWhereTheyDiffer(this.#capacity, held),
    });
    this.#running.set(claim.key, attempt);
    await attempt.run();
    take(this.#used, requirements, -1, held);
    devices.giveBack(own);
    this.#fill();
    try {
      await attempt.settle();
    } catch (cause) {
      telemetry.tell('process.failed', { what: `attempt of ${claim.key}`, error: messageOf(cause) });
    }
    this.#running.delete(claim.key);
    this.#dropped(claim);
  }

  #dropped(claim: Claim): void {
    claim.endSpan();
    this.#minded();
    if (this.#claims.get(claim.key) === claim) this.#claims.delete(claim.key);
    const early = this.#early.get(claim.key);
    this.#early.delete(claim.key);
    if (early !== undefined) void this.#claimAll([early]);
    this.#checkIdle();
  }

  /** Whether we hold this job, or may find out in a moment that we do. */
  #isOurs(key: string): boolean {
    return this.#claims.has(key) || this.#claiming.has(key);
  }

  #isIdle(): boolean {
    return this.#claims.size === 0 && this.#claiming.size === 0;
  }

  #checkIdle(): void {
    if ((this.#leaving || this.#isOver) && this.#isIdle()) this.#idle.resolve();
  }

  /** Slots that are taken up, by this life or what is left of earlier ones. */
  #takenSlots(): number {
    return this.#used.slots + this.#options.leftovers().slots;
  }

  #sweep(): void {
    this.#fill();
    this.#handBackLate();
  }

  #handBackLate(): void {
    const late = this.#options.clock.mono() - startWithinMs;
    const overdue = this.#waiting.filter(({ since }) => since < late);
    if (overdue.length === 0) return;
    this.#waiting = this.#waiting.filter(({ since }) => since >= late);
    for (const { claim } of overdue) void this.#handBack(claim, 'the worker had no free slot in time');
  }

  async #handBack(claim: Claim, reason: string): Promise<void> {
    const { attempt } = claim;
    const at = this.#options.clock.now();
    await claim
      .advance((record) => [
        record.context.cancelAt === undefined
          ? { type: 'attempt.handedBack', at, attempt, reason }
          : { type: 'attempt.cancelled', at, attempt },
      ])
      .catch(() => undefined);
    this.#dropped(claim);
  }

  #noticed(notice: Notice): void {
    switch (notice.verb) {
      case 'drain':
      case 'undrain':
        return this.#setDrained(notice.verb === 'drain');
      case 'deaf':
        return void this.#openMailboxAnew();
      case 'recount':
        return this.lookAtAll();
      case 'lost':
        return this.#options.onLost();
      case 'look':
        void this.#look(notice.key);
    }
  }

  #setDrained(drained: boolean): void {
    this.#drained = drained;
    this.#fill();
    this.#beat();
  }

  get #isDraining(): boolean {
    return this.#leaving || this.#isOver || this.#drained;
  }

  /** Looks at the record of a job; one that says we hold it, and we do not, is given up for others to run. */
  async #look(key: string): Promise<void> {
    const running = this.#running.get(key);
    if (running !== undefined) return running.look().catch(() => undefined);
    if (this.#isOurs(key)) return;
    const { world, clock } = this.#options;
    const stored = await world.store.read(key).catch(() => undefined);
    if (stored?.record.context.worker !== this.incarnation || this.#isOurs(key)) return;
    const claim = this.#claimOf(key, stored);
    const error = { kind: 'lost' as const, message: 'The worker that holds it knows nothing of it.' };
    await claim
      .advance(() => [{ type: 'attempt.lost', at: clock.now(), attempt: claim.attempt, spread: clock.chance(), error }])
      .catch(() => undefined);
  }

  #beat(): void {
    this.#minded();
    this.#updatePulse(this.#pulse());
  }

  #pulse(): Pulse {
    const claims = claimsHash([...this.#claims.values()].map(({ key, attempt }) => ({ key, attempt })));
    const { identity, load, leftovers, accuracy, diskMb } = this.#options;
    const free = diskMb?.();
    const has = free === undefined ? this.#capacity : { ...this.#capacity, diskMb: free };
    const capacity = rest(has, leftovers());
    return { ...identity, capacity, status: this.#status(), loopLagMs: 0, claims, load: load(), ...skewOf(accuracy) };
  }

  #status(): Pulse['status'] {
    if (this.#isDraining) return 'draining';
    return this.#takenSlots() >= this.#capacity.slots ? 'busy' : 'available';
  }
}

function skewOf(accuracy: Accuracy | undefined): { skewMs?: number } {
  return accuracy === undefined ? {} : { skewMs: Math.round(accuracy.skew()) };
}

/** What the record says of the GPUs that an attempt has: nothing where it does not matter which they are. */
function heldWhereTheyDiffer({ vramsMb, gpus }: Capacity, held: Required<Held>): { held?: Held } {
  if (held.devices.length === 0 || (vramsMb === undefined && gpus === undefined)) return {};
  return { held: gpus === undefined ? { vramsMb: held.vramsMb } : held };
}
