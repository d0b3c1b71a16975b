/**
 * Who leads: one lease, taken only from somebody who has been silent long enough.
 *
 * The idea: a leader is alive as long as its lease's revision moves. A candidate reads the lease from the stream's
 * leader every ~200 ms; after several successful reads over at least `silenceMs` with an unchanged revision, it
 * writes its own lease, expecting that very revision. Two candidates: the server accepts one.
 *
 *     standing by ──unmoved for silenceMs──▶ campaigning ──accepted──▶ leading
 *         ▲  └──empty lease seen in the feed──▶ │ ▲                       │
 *         └────────────── refused ──────────────┘ └───── deposed, or stepped down
 *
 * What fails and what then: a read that fails (broker away) starts the count anew, so an outage deposes nobody. A
 * campaign without an answer is asked again through the next read: was it ours, we lead. A leader that was frozen
 * finds its next batch refused (`actors/term.ts`). The moments are monotonic, so a jump of the clock deposes nobody.
 * Who was asked to step down lets the others go first: it rests for three seconds before it campaigns again.
 */

import type { Cancel, Clock } from '../runtime/clock.ts';
import { Fault, messageOf } from '../runtime/faults.ts';
import type { JobStore, Lease } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { Term } from './term.ts';

const readEveryMs = 200;
const readsAtLeast = 3;
const yieldingFactor = 3;
const restMs = 3_000;

export interface ElectionOptions {
  store: JobStore;
  clock: Clock;
  telemetry: Telemetry;
  /** This process, for ever: never reused. */
  incarnation: string;
  name: string;
  silenceMs: number;
  /** Whether somebody else should rather lead: then it stands only after a longer silence, also for an empty lease. */
  yields?: () => boolean;
  /** Whether this process may lead now (`actors/fitness.ts`). */
  isFit: () => boolean;
  /** Called with each term that was won; the term has ended when `onDeposed` was called. */
  onElected: (term: Term) => void;
  onDeposed: (reason: string) => void;
}

export class Election {
  readonly #options: ElectionOptions;
  /** When the last campaign was sent, monotonic. */
  #campaignedAt = 0;
  /** The broker that was asked for the lease last. */
  #broker = '';
  #watched: { revision: number; since: number; reads: number } | undefined;
  #term: Term | undefined;
  #timer: Cancel = () => {};
  #reading = false;
  #stopped = false;
  /** Until then, monotonic, it leaves the lease to others. */
  #restsUntil = 0;
  #leader: Lease | null = null;
  /** What kept it from looking or campaigning, as it was told. */
  #complaint = '';

  constructor(options: ElectionOptions) {
    this.#options = options;
  }

  /** The lease as it was last seen. */
  get leader(): Lease | null {
    return this.#leader;
  }

  get term(): Term | undefined {
    return this.#term;
  }

  start(): void {
    void this.#look();
  }

  /** What the feed says of the lease; an empty one is acted on at once. */
  seen(lease: Lease | null): void {
    this.#leader = lease;
    if (lease === null && this.#term === undefined && !this.#stopped) void this.#look();
  }

  /** Stops standing; a leader gives its lease up, so that the next one acts at once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer();
    await this.#giveUp('this master stops');
  }

  /** Gives the lease up, where it has it, and stands again like everybody else. */
  async stepDown(reason: string): Promise<void> {
    await this.#giveUp(reason);
    this.#again();
  }

  /** Steps down, and lets whoever else there is go first. */
  makeWay(reason: string): Promise<void> {
    this.#restsUntil = this.#options.clock.mono() + restMs;
    return this.stepDown(reason);
  }

  async #giveUp(reason: string): Promise<void> {
    const term = this.#term;
    this.#term = undefined;
    this.#watched = undefined;
    if (term === undefined) return;
    this.#options.telemetry.tell('leader.steppedDown', { term: term.number, reason });
    await term.stepDown().catch(() => undefined);
  }

  #again(): void {
    this.#timer();
    if (this.#stopped || this.#term !== undefined) return;
    this.#timer = this.#options.clock.after(
      readEveryMs * (0.9 + 0.2 * this.#options.clock.chance()),
      () => void this.#look(),
    );
  }

  async #look(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      await this.#consider();
      this.#complaint = '';
    } catch (cause) {
      this.#watched = undefined;
      this.#complain(cause);
    }
    this.#reading = false;
    this.#again();
  }

  /** That the broker is away is told elsewhere; what it refuses for good is told once. */
  #complain(cause: unknown): void {
    const error = messageOf(cause);
    if ((cause instanceof Fault && cause.retryable) || error === this.#complaint) return;
    this.#complaint = error;
    this.#options.telemetry.tell('process.failed', { what: 'standing for election', error });
  }

  async #consider(): Promise<void> {
    this.#broker = this.#options.store.broker();
    const { revision, lease } = await this.#options.store.readLease();
    this.#leader = lease;
    if (this.#stopped || this.#term !== undefined) return;
    if (this.#rests() || !this.#options.isFit()) return;
    const isOurs = lease?.holder === this.#options.incarnation;
    if (isOurs && lease.term === 0) return this.#lead(revision, lease);
    // A lease of ours under which we do not lead is that of a term that ended without its last word.
    const mayAtOnce = isOurs || (lease === null && this.#options.yields?.() !== true);
    if (mayAtOnce || this.#isSilent(revision)) await this.#campaign(revision);
  }

  #rests(): boolean {
    return this.#options.clock.mono() < this.#restsUntil;
  }

  #isSilent(revision: number): boolean {
    const now = this.#options.clock.mono();
    if (this.#watched?.revision !== revision) this.#watched = { revision, since: now, reads: 0 };
    this.#watched.reads++;
    return this.#watched.reads >= readsAtLeast && now - this.#watched.since >= this.#silenceMs();
  }

  #silenceMs(): number {
    const { silenceMs, yields } = this.#options;
    return yields?.() === true ? yieldingFactor * silenceMs : silenceMs;
  }

  async #campaign(expected: number): Promise<void> {
    this.#watched = undefined;
    this.#campaignedAt = this.#options.clock.mono();
    const lease: Lease = { holder: this.#options.incarnation, name: this.#options.name, term: 0, batch: 0 };
    const outcome = await this.#options.store.write([{ key: '_leader', expected, lease }]);
    if (outcome.kind === 'forbidden') this.#restsUntil = this.#options.clock.mono() + restMs;
    if (outcome.kind !== 'accepted') return;
    const revision = outcome.revisions[0] ?? 0;
    // Won while it was being stopped: nobody shall have to wait out the silence of one that is gone.
    if (this.#stopped) await this.#options.store.write([{ key: '_leader', expected: revision, lease: null }]);
    else this.#lead(revision, lease);
  }

  #lead(revision: number, lease: Lease): void {
    const { store, clock, telemetry, silenceMs, name } = this.#options;
    const onDeposed = (reason: string) => this.#deposed(reason);
    const [sentAt, broker] = [this.#campaignedAt, this.#broker];
    const term = new Term({ store, clock, telemetry, lease, revision, broker, sentAt, silenceMs, onDeposed });
    this.#term = term;
    telemetry.tell('leader.elected', { term: revision, name });
    this.#options.onElected(term);
  }

  #deposed(reason: string): void {
    this.#term = undefined;
    this.#watched = undefined;
    this.#options.telemetry.tell('leader.deposed', { reason });
    this.#options.onDeposed(reason);
    this.#again();
  }
}
