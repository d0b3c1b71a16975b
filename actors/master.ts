/**
 * A master: follows all jobs from the start, stands for election, and leads when it wins.
 *
 * Standing by and leading share one picture, so a takeover reads nothing anew. Before it decides anything, a new
 * leader's picture must be complete through its own winning write. Everything that only a leader does lives in its
 * `Reign`, which ends with the term.
 */

import { isLimitSettings, type LimitSettings } from '../machines/rules/limit.ts';
import { isQueueSettings, type QueueSettings } from '../machines/rules/queue.ts';
import { isTenantSettings, type TenantSettings } from '../machines/rules/tenant.ts';
import type { WebhookRecord } from '../machines/rules/webhook.ts';
import { type Accuracy, type Clock, exact } from '../runtime/clock.ts';
import type { ElectionPlace } from '../runtime/election-step.ts';
import { messageOf } from '../runtime/faults.ts';
import type { JobDefinition } from '../runtime/handler.ts';
import type { Change, Head, Stop, TypeEntry, World } from '../runtime/ports.ts';
import { isOfNewer } from '../runtime/record.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { KnownType } from './admission.ts';
import { Annals } from './annals.ts';
import { Board } from './board.ts';
import { Bulks } from './bulk.ts';
import { Committer } from './committer.ts';
import type { Outlook } from './desk.ts';
import { Election } from './election.ts';
import { Fitness } from './fitness.ts';
import { Fleet } from './fleet.ts';
import { Follower } from './follower.ts';
import { LookAhead } from './look-ahead.ts';
import { expectKnownStates } from './occupied.ts';
import { Oddities } from './oddity.ts';
import { patientlyAtStart } from './patience.ts';
import { type MasterSettings, Reign } from './reign.ts';
import { Saver, savedPicture } from './saver.ts';
import { ScheduleBook } from './schedule-book.ts';
import type { Term } from './term.ts';

/** As long as a master that stops takes for saving its picture. */
const savesWithinMs = 2_000;

export interface MasterOptions {
  world: World;
  clock: Clock;
  /** How good `clock` is; never off unless given. */
  accuracy?: Accuracy;
  telemetry: Telemetry;
  /** Never reused. */
  incarnation: string;
  name: string;
  /** The types that ship; those of workers become known as workers register them. */
  definitions: readonly JobDefinition[];
  settings: MasterSettings;
}

/** A master as it sees itself. */
export interface Standing {
  incarnation: string;
  name: string;
  leads: boolean;
  /** Where it is in the election, as a path of the chart (`machines/election.ts`). */
  state: ElectionPlace;
  /** When it came there, epoch ms. */
  since: number;
  /** Its own, or that of the leader that it sees; absent where nobody leads. */
  term?: number;
  /** How long ago its picture of all jobs was last known to be complete, ms. */
  behindMs: number;
}

/** Words of its own come back twice a second; one may be lost. */
const echoWithinMs = 1_250;

export class Master {
  readonly #options: MasterOptions;
  readonly #board: Board;
  readonly #fleet: Fleet;
  readonly #lookAhead: LookAhead;
  readonly #oddities = new Oddities();
  readonly #schedules = new ScheduleBook();
  readonly #types = new Map<string, KnownType>();
  readonly #webhooks = new Map<string, WebhookRecord>();
  readonly #committer: Committer;
  readonly #follower: Follower;
  readonly #saver: Saver;
  readonly #fitness: Fitness;
  readonly #election: Election;
  readonly #bulks: Bulks;
  #reign: Reign | undefined;
  #stops: Stop[] = [];
  #stopped = false;
  /** When a word of our own last came back the way of the pulses. */
  #echoedAt: number | undefined;
  #hasMetNewer = false;
  #hasYielded = false;

  constructor(options: MasterOptions) {
    this.#options = options;
    const { world, clock, telemetry, settings, incarnation, name } = options;
    const { store, feed, blobs } = world;
    this.#board = new Board({ queues: settings.queues });
    this.#fleet = new Fleet({
      clock,
      telemetry,
      lostAfterMs: settings.lostAfterMs,
      onChange: () => this.#reign?.wake(),
    });
    this.#lookAhead = new LookAhead(settings.lookAhead);
    this.#committer = new Committer({ store, clock, telemetry });
    this.#follower = new Follower({
      store,
      feed,
      clock,
      telemetry,
      apply: (change) => this.#changed(change),
      forget: () => this.#forget(),
      saved: (createdAt) => savedPicture({ store, blobs, clock, telemetry, createdAt }),
    });
    this.#saver = new Saver({
      store,
      blobs,
      board: this.#board,
      oddities: this.#oddities,
      schedules: this.#schedules,
      clock,
      telemetry,
      place: () => this.#follower.place(),
      caughtUp: (revision) => this.#follower.caughtUp(revision),
    });
    this.#fitness = new Fitness({
      clock,
      accuracy: options.accuracy ?? exact,
      telemetry,
      behindMs: () => this.#follower.behindMs(),
      isTooFar: () => this.#election.term?.isTooFar === true,
      onUnfit: (reason) => {
        if (this.#election.term !== undefined) void this.#makeWay(reason);
      },
    });
    const annals = new Annals({ terms: world.control.terms, clock, name, incarnation });
    this.#election = new Election({
      store,
      clock,
      telemetry,
      incarnation,
      name,
      silenceMs: settings.leaderSilenceMs,
      yields: () => this.#board.leftToNewer > 0,
      isFit: () => this.#fitness.isFit(),
      onElected: (term) => {
        void annals.begin(term.number);
        void this.#lead(term);
      },
      onDeposed: () => void this.#follow(),
      onGivenUp: (term, reason) => annals.end(term.number, reason),
    });
    this.#bulks = new Bulks({
      ...options,
      commit: this.#committer.commit,
      leads: () => this.#election.term !== undefined,
    });
    for (const definition of options.definitions)
      this.#types.set(definition.type, { type: definition.type, defaults: definition.defaults ?? {}, definition });
  }

  /** @throws {Fault} `states.unknown` where jobs are in states that it could not move them from. */
  async start(): Promise<void> {
    const { world, clock } = this.#options;
    const learn = ({ type, defaults }: TypeEntry) => {
      this.#types.set(type, { ...this.#types.get(type), type, defaults });
    };
    this.#stops = [
      await patientlyAtStart(() => world.control.watchTypes(learn), clock),
      await patientlyAtStart(() => world.control.watchQueues((settings) => this.#setQueue(settings)), clock),
      await patientlyAtStart(() => world.control.limits.watch((settings) => this.#setLimit(settings)), clock),
      await patientlyAtStart(() => world.control.tenants.watch((settings) => this.#setTenant(settings)), clock),
      await patientlyAtStart(() => world.control.webhooks.watch((record) => this.#setWebhook(record)), clock),
      await world.pulses.listen(
        (pulse) => {
          this.#fleet.heard(pulse);
          this.#reign?.heard(pulse);
        },
        () => {
          this.#echoedAt = clock.mono();
        },
      ),
    ];
    await this.#follower.start();
    expectKnownStates(this.#board.entries());
    this.#fitness.start();
    this.#election.start();
    await this.#bulks.start();
  }

  /** Gives the lease up, where it has it, and stops. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#fitness.stop();
    const hasLed = this.#reign !== undefined;
    await this.#follow();
    await this.#election.stop();
    await this.#bulks.stop();
    // The next one leads already: nobody waits for this but the process that stops.
    if (hasLed) await this.#saver.saveWithin(savesWithinMs);
    await this.#follower.stop();
    for (const stop of this.#stops.splice(0)) await stop();
    this.#committer.close();
  }

  /** How it stands in the cluster now. */
  standing(): Standing {
    const { incarnation, name, clock } = this.#options;
    const { term, leader } = this.#election;
    return {
      incarnation,
      name,
      leads: term !== undefined,
      ...this.#election.place,
      ...(term === undefined && leader === null ? {} : { term: term?.number ?? leader?.term ?? 0 }),
      // No longer than it lives: of a broker that was started anew it knows nothing yet.
      behindMs: Math.round(Math.min(this.#follower.behindMs(), clock.mono())),
    };
  }

  /** What it knows of all, while it leads. */
  outlook(): Outlook | undefined {
    return this.#reign?.outlook();
  }

  /** People have set something for a queue. What is none of ours is passed over, whoever wrote it. */
  #setQueue(settings: QueueSettings): void {
    if (!isQueueSettings({ ...settings })) return;
    const { queue, ...set } = settings;
    this.#board.setQueue(settings);
    this.#options.telemetry.tell('queue.set', { queue, set: JSON.stringify(set) });
    this.#reign?.queueChanged(queue);
  }

  #setLimit(settings: LimitSettings): void {
    if (!isLimitSettings({ ...settings })) return;
    const { limit, ...set } = settings;
    this.#board.accounts.setLimit(settings);
    this.#options.telemetry.tell('limit.set', { limit, set: JSON.stringify(set) });
    this.#reign?.limitChanged(limit);
  }

  #setWebhook(record: WebhookRecord): void {
    this.#webhooks.set(record.webhook, record);
    this.#reign?.webhooksChanged();
  }

  #setTenant(settings: TenantSettings): void {
    if (!isTenantSettings({ ...settings })) return;
    const { tenant, ...set } = settings;
    this.#board.accounts.setTenant(settings);
    this.#options.telemetry.tell('tenant.set', { tenant, set: JSON.stringify(set) });
    this.#reign?.tenantChanged(tenant);
  }

  /** Where no word of ours ever came back, we may not be allowed to say one: then what comes must do. */
  #hearsPulses(): boolean {
    return this.#echoedAt === undefined || this.#options.clock.mono() - this.#echoedAt < echoWithinMs;
  }

  #changed(change: Change): void {
    if (change.kind === 'job') this.#moved(change);
    else if (change.kind === 'lease') this.#election.seen(change.lease);
    else if (change.kind === 'schedule') this.#scheduled(change);
    else if (this.#oddities.note(change.key, change.revision, 'no head')) this.#saver.changed();
  }

  #moved({ head, isKeptWrong }: Extract<Change, { kind: 'job' }>): void {
    this.#apply(head);
    if (isKeptWrong === true && !isOfNewer(head))
      this.#oddities.note(head.key, head.revision, 'kept for the wrong time');
  }

  #scheduled({ head, revision }: Extract<Change, { kind: 'schedule' }>): void {
    this.#schedules.apply(head, revision);
    this.#saver.changed();
    this.#reign?.scheduled();
  }

  #apply(head: Head): void {
    this.#oddities.clear(head.key, head.revision);
    const applied = this.#board.apply(head);
    if (applied === undefined) return;
    this.#saver.changed();
    if (applied.entry.isOfNewer) this.#metNewer(head.key);
    this.#reign?.moved(applied, head);
  }

  /**
   * A job is there that only a newer version can move. It is told once; and once jobs wait for it, a leader lets a newer
   * master lead, where there is one. Where none takes the lease, it leads again and leaves those jobs alone.
   */
  #metNewer(key: string): void {
    if (!this.#hasMetNewer) this.#options.telemetry.tell('records.newer', { key });
    this.#hasMetNewer = true;
    if (this.#hasYielded || this.#board.leftToNewer === 0) return;
    this.#hasYielded = true;
    if (this.#election.term !== undefined) void this.#stepDown('jobs wait that only a newer version can move');
  }

  async #lead(term: Term): Promise<void> {
    const { telemetry } = this.#options;
    try {
      await this.#follower.caughtUp(term.number);
      if (this.#stopped || this.#election.term !== term) return;
      this.#election.progressed(term, 'picture.completed');
      this.#reign = new Reign({
        ...this.#options,
        term,
        board: this.#board,
        fleet: this.#fleet,
        lookAhead: this.#lookAhead,
        oddities: this.#oddities,
        schedules: this.#schedules,
        types: this.#types,
        webhooks: this.#webhooks,
        commit: this.#committer.commit,
        apply: (head) => this.#follower.own(head),
        completeTo: () => (Number.isFinite(this.#follower.behindMs()) ? this.#follower.place().revision : 0),
        isBehind: () => this.#fitness.isBehind(),
        hearsPulses: () => this.#hearsPulses(),
        stepDown: () => this.#makeWay('it was asked to'),
      });
      this.#saver.start();
      await this.#reign.start();
      this.#election.progressed(term, 'office.taken');
    } catch (cause) {
      // Stopped or deposed while taking office: what it needed for that is gone, or another leader's by now.
      if (this.#stopped || this.#election.term !== term) return;
      // Who was silent for so long may have been succeeded, and what it needs is what its successor has taken.
      if (!term.isTrusted()) return this.#stepDown('it lost the broker while it took office');
      telemetry.tell('process.failed', { what: 'taking office', error: messageOf(cause) });
      // It would fail again at once: others go first, and it rests before it tries anew.
      await this.#makeWay('it could not take office');
    }
  }

  /** Gives up a term that cannot be served, and stands for the next one like everybody else. */
  async #stepDown(reason: string): Promise<void> {
    await Promise.all([this.#election.stepDown(reason), this.#follow()]);
  }

  /** Gives the lease up to whoever stands by; the next one leads at once, this one not before a while. */
  async #makeWay(reason: string): Promise<void> {
    await Promise.all([this.#election.makeWay(reason), this.#follow()]);
  }

  /** The stream has lost its end: what was decided from the old picture is void, and so is a term that rests on it. */
  #forget(): void {
    this.#board.clear();
    this.#oddities.forget();
    this.#schedules.clear();
    this.#saver.changed();
    if (this.#election.term !== undefined) void this.#stepDown('the stream has lost its end');
  }

  async #follow(): Promise<void> {
    const reign = this.#reign;
    this.#reign = undefined;
    this.#saver.stop();
    await reign?.stop();
  }
}
