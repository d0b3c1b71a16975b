/**
 * What a master does while it leads: intake, scheduling, due times, the audit, and answers at the desk.
 *
 * Made anew for each term and thrown away at its end; nothing in it outlives the lease. What must not be lost is in
 * records, what may be is derived again by the next one.
 */

import { isActive, isReady, isSettled } from '../machines/job.ts';
import { limitsFor } from '../machines/rules/limit.ts';
import type { WebhookRecord } from '../machines/rules/webhook.ts';
import type { Clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/faults.ts';
import type { Durability, Head, Pulse, Stop, World } from '../runtime/ports.ts';
import type { JobRecord } from '../runtime/record.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { KnownType } from './admission.ts';
import { AsideSweeper } from './aside-sweeper.ts';
import { Auditor } from './auditor.ts';
import type { Applied, Board } from './board.ts';
import { Bodies } from './bodies.ts';
import type { Commit } from './committer.ts';
import { Dependents } from './dependents.ts';
import { answers, type DeskOptions, type Outlook, outlook } from './desk.ts';
import type { Fleet } from './fleet.ts';
import { Intake } from './intake.ts';
import { KeyKeeper } from './key-keeper.ts';
import type { LookAhead } from './look-ahead.ts';
import { mover } from './mover.ts';
import type { Oddities } from './oddity.ts';
import { patiently } from './patience.ts';
import { Patrol } from './patrol.ts';
import { Pruner } from './pruner.ts';
import { type OpenCount, Quotas } from './quota.ts';
import { RoomKeeper } from './room-keeper.ts';
import { Schedules } from './schedule.ts';
import type { ScheduleBook } from './schedule-book.ts';
import { Scheduler } from './scheduler.ts';
import type { Term } from './term.ts';
import { Throttle } from './throttle.ts';
import { Timekeeper } from './timekeeper.ts';
import { tellUnserved } from './unserved.ts';
import { Webhooks } from './webhooks.ts';
import { WorkflowStop } from './workflow-stop.ts';

export interface MasterSettings {
  queues: readonly string[];
  schedulerIntervalMs: number;
  leaderSilenceMs: number;
  offerForMs: number;
  lostAfterMs: number;
  cancelGraceMs: number;
  gpuSpillOver: boolean;
  /** What an acknowledged write is worth here, for whoever asks. */
  durability?: Durability;
  /** How many settled jobs are kept; absent: as many as there are. */
  keepAtMost?: number;
  /** Fixed for all types; absent: learned. */
  lookAhead?: number;
}

export interface ReignOptions {
  world: World;
  clock: Clock;
  telemetry: Telemetry;
  incarnation: string;
  name: string;
  settings: MasterSettings;
  term: Term;
  board: Board;
  fleet: Fleet;
  lookAhead: LookAhead;
  oddities: Oddities;
  schedules: ScheduleBook;
  types: ReadonlyMap<string, KnownType>;
  webhooks: ReadonlyMap<string, WebhookRecord>;
  /** For what needs no fence: new jobs. */
  commit: Commit;
  apply: (head: Head) => void;
  /** Up to which revision the picture is complete; 0 where it is void. */
  completeTo: () => number;
  /** Whether decisions would rest on an old picture. */
  isBehind: () => boolean;
  /** Whether a pulse would be heard now: else silence means nothing. */
  hearsPulses: () => boolean;
  /** Gives the lease up. */
  stepDown: () => Promise<void>;
}

export class Reign {
  readonly #options: ReignOptions;
  readonly #bodies = new Bodies();
  readonly #throttle: Throttle;
  readonly #room: RoomKeeper;
  readonly #scheduler: Scheduler;
  readonly #timekeeper: Timekeeper;
  readonly #schedules: Schedules;
  readonly #dependents: Dependents;
  readonly #workflowStop: WorkflowStop;
  readonly #webhooks: Webhooks;
  readonly #auditor: Auditor;
  readonly #pruner: Pruner;
  readonly #asideSweeper: AsideSweeper;
  readonly #patrol: Patrol;
  readonly #keyKeeper: KeyKeeper;
  readonly #intake: Intake;
  #stops: Stop[] = [];
  #stopped = false;

  constructor(options: ReignOptions) {
    this.#options = options;
    const { world, term, board, fleet, lookAhead, clock, telemetry, settings, apply } = options;
    const { store, blobs, events, mail, notices } = world;
    const isTrusted = () => term.isTrusted() && !options.isBehind();
    const created = creation(this.#bodies, apply);
    const move = mover({ store, events, apply, commit: term.commit });
    const everyMs = settings.schedulerIntervalMs;
    const { offerForMs, lostAfterMs, gpuSpillOver } = settings;
    /** What most parts need. */
    const given = { board, fleet, store, events, notices, lookAhead, apply, move, clock, telemetry };
    const overdueAfterMs = settings.cancelGraceMs + lostAfterMs;
    this.#throttle = new Throttle({ clock, offerForMs });
    const onChange = () => this.#scheduler.wake();
    const throttle = this.#throttle;
    this.#room = new RoomKeeper({ ...given, throttle, gpuSpillOver, lostAfterMs, isTrusted, onChange });
    this.#scheduler = new Scheduler({
      ...given,
      bodies: this.#bodies,
      room: this.#room,
      intervalMs: everyMs,
      ...{ throttle, mail, offerForMs, gpuSpillOver, isTrusted },
    });
    this.#timekeeper = new Timekeeper({ ...given, overdueAfterMs });
    const quotas = quotasOf(options);
    this.#schedules = schedulesOf(options, created, quotas);
    this.#dependents = new Dependents({ ...given, everyMs });
    this.#workflowStop = new WorkflowStop({ ...given, everyMs });
    this.#webhooks = new Webhooks({ ...options, onCreated: created });
    this.#auditor = new Auditor({ ...given, lostAfterMs, isTrusted: () => isTrusted() && options.hearsPulses() });
    const keepAtMost = settings.keepAtMost ?? Number.POSITIVE_INFINITY;
    this.#pruner = new Pruner({ ...given, keepAtMost, isTrusted: () => term.isTrusted() });
    this.#asideSweeper = new AsideSweeper({ ...given, blobs, isTrusted: () => term.isTrusted() });
    const { oddities } = options;
    const { commit } = term;
    this.#keyKeeper = new KeyKeeper({ ...given, commit, isTrusted: () => term.isTrusted() });
    const checkKey = (record: JobRecord) => this.#keyKeeper.check(record);
    this.#patrol = new Patrol({
      ...given,
      blobs,
      checkKey,
      oddities,
      commit,
      everyMs,
      isTrusted: () => term.isTrusted(),
    });
    this.#intake = intakeOf(options, created, quotas);
  }

  async start(): Promise<void> {
    this.#timekeeper.start();
    this.#schedules.start();
    this.#dependents.start();
    this.#workflowStop.start();
    this.#webhooks.start();
    this.#scheduler.start();
    this.#room.start();
    this.#auditor.start();
    this.#pruner.start();
    this.#asideSweeper.start();
    this.#patrol.start();
    this.#keyKeeper.start();
    const { world, settings } = this.#options;
    const stopTelling = tellUnserved({ ...this.#options, everyMs: settings.schedulerIntervalMs });
    this.#stops.push(async () => stopTelling());
    for (const [question, how] of answers(this.#desk())) this.#stops.push(await world.desk.answer(question, how));
    if (!(await this.#takesIntakeOver())) return;
    this.#stops.push(() => this.#intake.stop());
    if (this.#stopped) await this.stop();
  }

  outlook(): Outlook {
    return outlook(this.#desk());
  }

  #desk(): DeskOptions {
    return {
      ...this.#options,
      throttle: this.#throttle,
      room: this.#room,
      turns: this.#scheduler.turns,
      awaited: (entry) => this.#dependents.awaited(entry),
      countOpen: (tenant) => countOpen(this.#options, tenant),
    };
  }

  /** As long as nobody leads the stream of submissions, that waits, and nothing else does. `false`: the reign is over. */
  async #takesIntakeOver(): Promise<boolean> {
    try {
      await patiently(() => this.#intake.start(), { clock: this.#options.clock, isOver: () => this.#stopped });
      return true;
    } catch (cause) {
      if (this.#stopped) return false;
      throw cause;
    }
  }

  /** Ends everything that it began; what cannot be ended in order is told of, and keeps nothing else from ending. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#scheduler.stop();
    this.#room.stop();
    this.#timekeeper.stop();
    this.#schedules.stop();
    this.#dependents.stop();
    this.#workflowStop.stop();
    this.#webhooks.stop();
    this.#auditor.stop();
    this.#pruner.stop();
    this.#asideSweeper.stop();
    this.#patrol.stop();
    this.#keyKeeper.stop();
    for (const stop of this.#stops.splice(0))
      await stop().catch((cause) =>
        this.#options.telemetry.tell('process.failed', { what: 'leaving office', error: messageOf(cause) }),
      );
  }

  wake(): void {
    this.#scheduler.wake();
  }

  /** Something else holds for a queue from now on. */
  queueChanged(queue: string): void {
    this.#throttle.changed(this.#options.board.queue(queue));
    this.#scheduler.wake();
  }

  tenantChanged(tenant: string): void {
    this.#throttle.changed(this.#options.board.accounts.get('tenant', tenant));
    this.#scheduler.wake();
  }

  /** Something else holds for a limit key from now on, or for each of a family. */
  limitChanged(limit: string): void {
    for (const account of this.#options.board.accounts.inUse('key'))
      if (limitsFor(account.name).includes(limit)) this.#throttle.changed(account);
    this.#scheduler.wake();
  }

  /** Something else holds for a webhook. */
  webhooksChanged(): void {
    this.#webhooks.wake();
  }

  /** The picture of schedules has changed. */
  scheduled(): void {
    this.#schedules.wake();
  }

  heard(pulse: Pulse): void {
    this.#auditor.compare(pulse);
  }

  /** A job has moved on the board: what follows from that. */
  moved({ entry, from }: Applied, head: Head): void {
    if (!isReady(head.state)) this.#bodies.drop(head.key);
    if (from !== undefined && isReady(from) && head.worker !== undefined) this.#options.fleet.answered(head.worker);
    if (head.ranMs !== undefined && from !== undefined && isActive(from))
      this.#options.lookAhead.learn(head.type, head.ranMs);
    this.#workflowStop.moved(entry, head);
    this.#dependents.moved(entry, head);
    tellMove(this.#options.telemetry, { entry, from });
    if (isSettled(head.state)) {
      this.#scheduler.wake();
      this.#webhooks.wake();
      return;
    }
    this.#timekeeper.watch(entry);
    this.#patrol.saw(entry);
    if (isReady(head.state) || (from !== undefined && isActive(from))) this.#scheduler.wake();
  }
}

/** What the metrics of the whole cluster count: the leader alone tells it, so that no job counts twice. */
function tellMove(telemetry: Telemetry, { entry, from }: Applied): void {
  const { key, type, queue, priority, state, attempt, createdAt, updatedAt } = entry;
  if (from === state) return;
  if (isSettled(state)) telemetry.tell('job.settled', { key, type, queue, priority, state });
  else if (state === 'retrying') telemetry.tell('job.retried', { key, type, queue, priority });
  else if (from === undefined && attempt === 0 && createdAt === updatedAt)
    telemetry.tell('job.opened', { key, type, queue, priority });
}

function countOpen({ board, completeTo }: ReignOptions, tenant: string): OpenCount {
  return { open: board.accounts.openOf(tenant), revision: completeTo() };
}

function quotasOf(options: ReignOptions): Quotas {
  const { world, clock, board } = options;
  return new Quotas({
    store: world.store,
    clock,
    most: (tenant) => board.accounts.maxOpenOf(tenant),
    count: (tenant) => countOpen(options, tenant),
  });
}

function intakeOf(
  { world, commit, types, clock, telemetry, settings }: ReignOptions,
  onCreated: Created,
  quotas: Quotas,
): Intake {
  const { submissions, store, blobs, events } = world;
  return new Intake({
    submissions,
    store,
    blobs,
    events,
    telemetry,
    commit,
    types,
    clock,
    durability: settings.durability,
    onCreated,
    quotas,
  });
}

type Created = (head: Head, record: JobRecord) => void;

/** A job that this leader made is on the board at once, and goes with its offer. */
function creation(bodies: Bodies, apply: (head: Head) => void): Created {
  return (head, record) => {
    if (isReady(head.state)) bodies.keep(head.key, head.revision, record);
    apply(head);
  };
}

function schedulesOf(options: ReignOptions, apply: Created, quotas: Quotas): Schedules {
  const { world, term, schedules: book } = options;
  return new Schedules({ ...options, ...world, book, commit: term.commit, apply, quotas });
}
