/**
 * Who leads: one lease, taken only from somebody who has been silent long enough.
 *
 * The idea: a leader is alive as long as its lease's revision moves. A candidate reads the lease from the stream's
 * leader every ~200 ms; after several successful reads over at least `silenceMs` with an unchanged revision, it
 * writes its own lease, expecting that very revision. Two candidates: the server accepts one.
 *
 * What may happen, and what decides it, is the chart in `machines/election.ts`, of which this is the hand: it says what it
 * has read and heard, and does what the place asks for at which it is then. It campaigns in `campaigning`, has a term in
 * `leading`, and reads the lease wherever else.
 *
 * What fails and what then: a read that fails (broker away) starts the count anew, so an outage deposes nobody. A
 * campaign without an answer is asked again through the next read: was it ours, we lead. A leader that was frozen
 * finds its next batch refused (`actors/term.ts`). The moments are monotonic, so a jump of the clock deposes nobody.
 * Who was asked to step down lets the others go first: it rests for three seconds before it campaigns again.
 */

import type { ElectionEvent, Holder } from '../machines/election.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { type ElectionPlace, type ElectionState, electionStep, newElection } from '../runtime/election-step.ts';
import { Fault, messageOf } from '../runtime/faults.ts';
import type { JobStore, Lease } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { Term } from './term.ts';

const readEveryMs = 200;

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
  /** Called when a term was given up, before anybody is told that it was. */
  onGivenUp?: (term: Term, reason: string) => Promise<void>;
}

export class Election {
  readonly #options: ElectionOptions;
  #state: ElectionState;
  /** When it came to the place where it is, epoch ms. */
  #since: number;
  /** When the last campaign was sent, monotonic. */
  #campaignedAt = 0;
  /** The broker that was asked for the lease last. */
  #broker = '';
  #term: Term | undefined;
  #timer: Cancel = () => {};
  #reading = false;
  #leader: Lease | null = null;
  /** What kept it from looking or campaigning, as it was told. */
  #complaint = '';

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#state = newElection(options.silenceMs);
    this.#since = options.clock.now();
  }

  /** The lease as it was last seen. */
  get leader(): Lease | null {
    return this.#leader;
  }

  get term(): Term | undefined {
    return this.#term;
  }

  /** Where it is in the chart, and since when, epoch ms. */
  get place(): { state: ElectionPlace; since: number } {
    return { state: this.#state.place, since: this.#since };
  }

  start(): void {
    this.#step({ type: 'master.ready' });
    void this.#look();
  }

  /** What the feed says of the lease; an empty one is acted on at once. */
  seen(lease: Lease | null): void {
    this.#leader = lease;
    if (lease === null && this.#is('standingBy')) void this.#look();
  }

  /** How far whoever serves a term is with it. */
  progressed(term: Term, type: 'picture.completed' | 'office.taken'): void {
    if (term === this.#term) this.#step({ type });
  }

  /** Stops standing; a leader gives its lease up, so that the next one acts at once. */
  async stop(): Promise<void> {
    this.#timer();
    await this.#leave({ type: 'master.stopped' }, 'this master stops');
  }

  /** Gives the lease up, where it has it, and stands again like everybody else. */
  async stepDown(reason: string): Promise<void> {
    await this.#leave({ type: 'term.givenUp' }, reason);
    this.#again();
  }

  /** Steps down, and lets whoever else there is go first. */
  async makeWay(reason: string): Promise<void> {
    await this.#leave({ type: 'term.madeWay', at: this.#options.clock.mono() }, reason);
    this.#again();
  }

  #step(event: ElectionEvent): void {
    const before = this.#state;
    this.#state = electionStep(before, event);
    if (this.#state.place !== before.place) this.#since = this.#options.clock.now();
  }

  async #leave(event: ElectionEvent, reason: string): Promise<void> {
    const term = this.#term;
    this.#term = undefined;
    this.#step(event);
    if (term === undefined) return;
    this.#options.telemetry.tell('leader.steppedDown', { term: term.number, reason });
    const isGivenUp = await term.stepDown().then(
      () => true,
      () => false,
    );
    if (isGivenUp) await this.#options.onGivenUp?.(term, reason);
  }

  #is(where: 'standingBy' | 'campaigning' | 'leading'): boolean {
    return this.#state.place.startsWith(where);
  }

  #again(): void {
    this.#timer();
    if (!this.#is('standingBy')) return;
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
      this.#step({ type: 'broker.failed' });
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
    const { store, clock, yields, isFit } = this.#options;
    this.#broker = store.broker();
    const { revision, lease } = await store.readLease();
    this.#leader = lease;
    if (!this.#is('standingBy')) return;
    const [at, holder] = [clock.mono(), this.#holderOf(lease)];
    this.#step({ type: 'lease.read', at, revision, holder, isFit: isFit(), yields: yields?.() === true });
    if (this.#is('campaigning')) await this.#campaign(revision);
    else if (lease !== null && this.#is('leading')) this.#lead(revision, lease);
  }

  #holderOf(lease: Lease | null): Holder {
    if (lease === null) return 'nobody';
    if (lease.holder !== this.#options.incarnation) return 'other';
    return lease.term === 0 ? 'campaign' : 'own';
  }

  async #campaign(expected: number): Promise<void> {
    const { store, clock, incarnation: holder, name } = this.#options;
    this.#campaignedAt = clock.mono();
    const lease: Lease = { holder, name, term: 0, batch: 0 };
    const outcome = await store.write([{ key: '_leader', expected, lease }]);
    if (outcome.kind === 'forbidden') return this.#step({ type: 'campaign.forbidden', at: clock.mono() });
    if (outcome.kind !== 'accepted') return this.#step({ type: 'campaign.lost' });
    this.#step({ type: 'campaign.won' });
    const revision = outcome.revisions[0] ?? 0;
    // Won while it was being stopped: nobody shall have to wait out the silence of one that is gone.
    if (this.#is('leading')) this.#lead(revision, lease);
    else await store.write([{ key: '_leader', expected: revision, lease: null }]);
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
    this.#step({ type: 'term.lost' });
    this.#options.telemetry.tell('leader.deposed', { reason });
    this.#options.onDeposed(reason);
    this.#again();
  }
}
