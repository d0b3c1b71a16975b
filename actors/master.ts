/**
 * A master: follows all jobs from the start, stands for election, and leads when it wins.
 *
 * Standing by and leading share one picture, so a takeover reads nothing anew. Before it decides anything, a new
 * leader's picture must be complete through its own winning write. Everything that only a leader does lives in its
 * `Reign`, which ends with the term.
 */

import type { Clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/faults.ts';
import type { JobDefinition } from '../runtime/handler.ts';
import type { Change, Head, Stop, World } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { KnownType } from './admission.ts';
import { Board } from './board.ts';
import { Committer } from './committer.ts';
import { Election } from './election.ts';
import { Fleet } from './fleet.ts';
import { Follower } from './follower.ts';
import { LookAhead } from './look-ahead.ts';
import { Oddities } from './oddity.ts';
import { type MasterSettings, Reign } from './reign.ts';
import type { Term } from './term.ts';

export interface MasterOptions {
  world: World;
  clock: Clock;
  telemetry: Telemetry;
  /** Never reused. */
  incarnation: string;
  name: string;
  /** The types that ship; those of workers become known as workers register them. */
  definitions: readonly JobDefinition[];
  settings: MasterSettings;
}

export class Master {
  readonly #options: MasterOptions;
  readonly #board: Board;
  readonly #fleet: Fleet;
  readonly #lookAhead: LookAhead;
  readonly #oddities = new Oddities();
  readonly #types = new Map<string, KnownType>();
  readonly #committer: Committer;
  readonly #follower: Follower;
  readonly #election: Election;
  #reign: Reign | undefined;
  #stops: Stop[] = [];
  #stopped = false;

  constructor(options: MasterOptions) {
    this.#options = options;
    const { world, clock, telemetry, settings, incarnation, name } = options;
    const { store, feed } = world;
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
    });
    this.#election = new Election({
      store,
      clock,
      telemetry,
      incarnation,
      name,
      silenceMs: settings.leaderSilenceMs,
      onElected: (term) => void this.#lead(term),
      onDeposed: () => void this.#follow(),
    });
    for (const definition of options.definitions)
      this.#types.set(definition.type, { type: definition.type, defaults: definition.defaults ?? {}, definition });
  }

  async start(): Promise<void> {
    const { world } = this.#options;
    this.#stops = [
      await world.control.watchTypes(({ type, defaults }) => {
        this.#types.set(type, { ...this.#types.get(type), type, defaults });
      }),
      await world.pulses.listen((pulse) => {
        this.#fleet.heard(pulse);
        this.#reign?.heard(pulse);
      }),
    ];
    await this.#follower.start();
    this.#election.start();
  }

  /** Gives the lease up, where it has it, and stops. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#follow();
    await this.#election.stop();
    await this.#follower.stop();
    for (const stop of this.#stops.splice(0)) await stop();
    this.#committer.close();
  }

  #changed(change: Change): void {
    if (change.kind === 'job') this.#apply(change.head);
    else if (change.kind === 'lease') this.#election.seen(change.lease);
    else this.#oddities.note(change.key, change.revision);
  }

  #apply(head: Head): void {
    this.#oddities.clear(head.key, head.revision);
    const applied = this.#board.apply(head);
    if (applied !== undefined) this.#reign?.moved(applied, head);
  }

  async #lead(term: Term): Promise<void> {
    const { telemetry } = this.#options;
    try {
      await this.#follower.caughtUp(term.number);
      if (this.#stopped || this.#election.term !== term) return;
      this.#reign = new Reign({
        ...this.#options,
        term,
        board: this.#board,
        fleet: this.#fleet,
        lookAhead: this.#lookAhead,
        oddities: this.#oddities,
        types: this.#types,
        commit: this.#committer.commit,
        apply: (head) => this.#follower.own(head),
      });
      await this.#reign.start();
    } catch (cause) {
      // Stopped while taking office: what it needed for that is gone, and it must not stand again.
      if (this.#stopped) return;
      telemetry.tell('process.failed', { what: 'taking office', error: messageOf(cause) });
      await this.#standAnew();
    }
  }

  /** Gives up a term that cannot be served, and stands for the next one like everybody else. */
  async #standAnew(): Promise<void> {
    await Promise.all([this.#follow(), this.#election.stop()]);
    if (!this.#stopped) this.#election.restart();
  }

  /** The stream has lost its end: what was decided from the old picture is void, and so is a term that rests on it. */
  #forget(): void {
    this.#board.clear();
    this.#oddities.forget();
    if (this.#election.term !== undefined) void this.#standAnew();
  }

  async #follow(): Promise<void> {
    const reign = this.#reign;
    this.#reign = undefined;
    await reign?.stop();
  }
}
