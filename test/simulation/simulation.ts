/**
 * A whole cluster in one process, on a clock that is moved by hand: real masters and workers over the memory broker.
 *
 * All that happens follows from the seed. The verbs do what happens to real clusters (`kill`, `freeze`, `cut`, the
 * broker away); the promises are checked all the time in what was written (`History`) and in what handlers did
 * (`Runs`), and once more at the end, when everything works again and every job must have come to rest.
 */

import { expect } from 'vitest';
import { noteKey } from '../../actors/birth.ts';
import { type Commit, Committer } from '../../actors/committer.ts';
import type { ClusterView } from '../../actors/desk.ts';
import { Master } from '../../actors/master.ts';
import type { MasterSettings } from '../../actors/reign.ts';
import { act, type Verb } from '../../actors/verb.ts';
import { Worker } from '../../actors/worker.ts';
import { simulate } from '../../handlers/simulate.ts';
import { isSettled, type JobState } from '../../machines/job.ts';
import type { Capacity } from '../../machines/rules/capability.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { Clock } from '../../runtime/clock.ts';
import { isFault } from '../../runtime/faults.ts';
import type { JobDefinition } from '../../runtime/handler.ts';
import { MemoryBroker, type MemoryWorld } from '../../runtime/memory/broker.ts';
import { calm, chaos, type Odds } from '../../runtime/memory/chaos.ts';
import { ManualClock, type NodeClock, seeded } from '../../runtime/memory/manual-clock.ts';
import type { Rejection } from '../../runtime/ports.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { levelOf, lineOf } from '../../runtime/telemetry/event.ts';
import { createTelemetry, type Telemetry } from '../../runtime/telemetry/telemetry.ts';
import { History } from './history.ts';
import { counted } from './mishaps.ts';
import type { Plant } from './planted.ts';
import { picky, Runs, stubborn } from './runs.ts';

export interface SimulationOptions {
  seed?: number;
  masters?: number;
  workers?: number;
  /** What goes wrong by chance, from the start until `calmDown`. */
  odds?: Partial<Odds>;
  settings?: Partial<MasterSettings>;
  /** How long a node waits for an answer of the broker, ms. */
  answerWithinMs?: number;
  /** By how much the broker time of nodes may be off, ms. */
  skewMs?: number;
  /** How long a worker that leaves lets its jobs run, ms. */
  drainDeadlineMs?: number;
  /** What is wrong with the build that all processes run. */
  plant?: Plant;
}

/** A process of the cluster. */
interface Node {
  readonly name: string;
  readonly clock: NodeClock;
  readonly world: MemoryWorld;
  /** A second connection: a master hears the feed on one of its own. */
  readonly side: MemoryWorld;
  readonly telemetry: Telemetry;
  alive: boolean;
}

interface WorkerNode extends Node {
  readonly worker: Worker;
  readonly committer: Committer;
}

const defaults: MasterSettings = {
  queues: defaultQueues,
  schedulerIntervalMs: 5_000,
  leaderSilenceMs: 700,
  offerForMs: 5_000,
  lostAfterMs: 4_000,
  cancelGraceMs: 10_000,
  gpuSpillOver: true,
  lookAhead: 0,
};

const isTold = process.env['SIMULATION_DEBUG'] !== undefined;
const linesKept = isTold ? 100_000 : 400;

/** The build as it is. */
const sound: Plant = (store) => store;

/** Runs `story` with a cluster, lets it come to rest, and checks that every promise was kept. */
export async function simulation(options: SimulationOptions, story: (sim: Simulation) => Promise<void>): Promise<void> {
  const sim = new Simulation(options);
  try {
    for (let n = 0; n < (options.masters ?? 1); n++) await sim.startMaster();
    for (let n = 0; n < (options.workers ?? 1); n++) await sim.startWorker();
    await story(sim);
    await sim.comeToRest();
  } catch (cause) {
    const message = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    throw new Error(`With seed ${sim.seed}, at ${sim.clock.mono()} ms: ${message}\n${sim.lines.join('\n')}`, { cause });
  }
}

export class Simulation {
  readonly seed: number;
  readonly clock: ManualClock;
  readonly broker: MemoryBroker;
  readonly runs = new Runs();
  readonly history = new History();
  /** What nodes told of themselves, the last of it. */
  readonly lines: string[] = [];
  readonly submitted: string[] = [];
  /** Submissions that the broker has lost: they are there only where their job is. */
  readonly #unsure = new Set<string>();
  /** What was done to it, by name. */
  readonly faults: string[] = [];
  /** What went wrong by chance, and how often. */
  readonly mishaps = new Map<string, number>();
  readonly #settings: MasterSettings;
  readonly #capacities = new Map<string, Capacity>();
  readonly #masters: (Node & { master: Master })[] = [];
  readonly #workers: WorkerNode[] = [];
  readonly #client: MemoryWorld;
  readonly #skew: () => number;
  readonly #plant: Plant;
  readonly #drainDeadlineMs: number;
  #count = 0;

  constructor(options: SimulationOptions) {
    const {
      seed = 1,
      odds,
      settings,
      answerWithinMs = 2_000,
      skewMs = 0,
      plant = sound,
      drainDeadlineMs = 30_000,
    } = options;
    this.seed = seed;
    this.#plant = plant;
    this.#drainDeadlineMs = drainDeadlineMs;
    this.clock = new ManualClock({ seed });
    this.#settings = { ...defaults, ...settings };
    const strikes = (mishap: string) => void this.mishaps.set(mishap, (this.mishaps.get(mishap) ?? 0) + 1);
    const going = odds === undefined ? calm : counted(chaos(odds, seeded(seed + 1)), strikes);
    this.broker = new MemoryBroker({ clock: this.clock, chaos: going, answerWithinMs });
    this.#client = this.broker.world();
    const chance = seeded(seed + 2);
    this.#skew = () => Math.round((2 * chance() - 1) * skewMs);
  }

  // ---- the cluster -----------------------------------------------------------------------------------------

  async startMaster(): Promise<string> {
    const node = this.#node(`master-${this.#masters.length + 1}`);
    const { name, clock, telemetry } = node;
    const world = { ...node.world, feed: node.side.feed };
    const definitions = this.#definitions(clock);
    const master = new Master({
      world,
      clock,
      telemetry,
      incarnation: name,
      name,
      definitions,
      settings: this.#settings,
    });
    this.#masters.push({ ...node, master });
    await this.#startedBy(master.start());
    return name;
  }

  async startWorker(capacity: Partial<Capacity> = {}): Promise<string> {
    const node = this.#node(`worker-${this.#workers.length + 1}`);
    const { name, clock, world, telemetry } = node;
    const definitions = this.runs.noting(this.#definitions(clock), name, clock);
    const full: Capacity = {
      slots: 4,
      types: definitions.map(({ type }) => type),
      gpu: 0,
      vramMb: 0,
      encoders: [],
      memoryMb: 8_000,
      labels: {},
      ...capacity,
    };
    this.#capacities.set(name, full);
    const committer = new Committer({ store: world.store, clock, telemetry });
    const worker = new Worker({
      world,
      clock,
      telemetry,
      commit: committer.commit,
      definitions,
      identity: {
        incarnation: name,
        name,
        host: 'sim',
        pid: 1,
        version: '0',
        capacity: full,
        declared: [],
        startedAt: clock.now(),
      },
      load: () => ({ cpuPercent: 0, memoryMb: 0 }),
      cancelGraceMs: this.#settings.cancelGraceMs,
      drainDeadlineMs: this.#drainDeadlineMs,
      pulseEveryMs: 1_000,
    });
    this.#workers.push({ ...node, worker, committer });
    await this.#startedBy(worker.start());
    return name;
  }

  get masters(): readonly string[] {
    return this.#masters.filter(({ alive }) => alive).map(({ name }) => name);
  }

  get workers(): readonly string[] {
    return this.#workers.filter(({ alive }) => alive).map(({ name }) => name);
  }

  /** What was submitted, but for what the broker lost together with its job. */
  get kept(): readonly string[] {
    return this.submitted.filter((id) => !this.#unsure.has(id) || this.find(id) !== undefined);
  }

  /** Whoever holds the lease. */
  get leader(): string {
    const lease = this.#read().lease;
    if (lease === null) throw new RangeError('Expected a leader, got none.');
    return lease.holder;
  }

  // ---- what happens to it ----------------------------------------------------------------------------------

  /** The process is gone from one moment to the next. */
  kill(name: string): void {
    this.note(`sim: kill ${name}`);
    this.#exit(this.#find(name));
  }

  /** The process stands still, with all its threads. */
  freeze(name: string): void {
    this.note(`sim: freeze ${name}`);
    this.#find(name).clock.freeze();
  }

  thaw(name: string): void {
    this.note(`sim: thaw ${name}`);
    const { alive, clock } = this.#find(name);
    if (alive) clock.thaw();
  }

  /** The process goes on and nothing reaches it, nor it anything. */
  cut(name: string): void {
    this.note(`sim: cut ${name}`);
    const { world, side } = this.#find(name);
    world.cut();
    side.cut();
  }

  heal(name: string): void {
    this.note(`sim: heal ${name}`);
    const { alive, world, side } = this.#find(name);
    if (!alive) return;
    world.heal();
    side.heal();
  }

  /**
   * The broker loses its power, and with it the last writes and submissions, though it had acknowledged them. What was
   * in them may be undone, and a job whose submission is lost too is lost; nothing else may be.
   */
  cutPower({ writes, submissions }: { writes: number; submissions: number }): void {
    this.#check();
    this.broker.stop();
    for (const { headers } of this.broker.rollBack(writes, submissions)) this.#unsure.add(headers.get('job-id') ?? '');
    const undone = this.history.rollBack(this.broker.history().length);
    // Of what was made by a write of its own no submission is left to make it again.
    for (const { lost, left } of undone)
      if (left === undefined && lost.source.startsWith('direct:')) this.#unsure.add(lost.id);
    this.runs.rollBack(undone);
    this.note(`sim: power cut, undone ${undone.map(({ key }) => key).join(', ')}`);
  }

  /** A worker is asked to leave; resolves when it has. */
  async drain(name: string): Promise<void> {
    this.note(`sim: drain ${name}`);
    const node = this.#workers.find((one) => one.name === name);
    if (node === undefined) throw new RangeError(`Expected a worker, got ${name}.`);
    await this.clock.until(
      node.worker.drain().then(() => node.committer.close()),
      120_000,
    );
    this.#exit(node);
  }

  /** A master is asked to stop; resolves when it has. */
  async stop(name: string): Promise<void> {
    this.note(`sim: stop ${name}`);
    const node = this.#masters.find((one) => one.name === name);
    if (node === undefined) throw new RangeError(`Expected a master, got ${name}.`);
    await this.clock.until(node.master.stop(), 120_000);
    this.#exit(node);
  }

  /** Adds to the lines that are shown when a promise was broken. */
  note(line: string): void {
    this.lines.push(`${Math.round(this.clock.mono())} ${line}`);
    if (this.lines.length > linesKept) this.lines.shift();
  }

  /** From now on nothing goes wrong by chance. */
  calmDown(): void {
    this.broker.chaos = calm;
  }

  /** Publishes a submission and returns the id that the job will have. */
  submit(type: string, body: Record<string, unknown> = {}, headers: Record<string, string> = {}): string {
    const id = headers['Job-Id'] ?? this.nextId(1);
    this.#count++;
    this.broker.submit({ type, body, headers: { 'Job-Id': id, ...headers } });
    this.submitted.push(id);
    return id;
  }

  /** All that was broken is mended, and stays so. */
  repair(): void {
    this.calmDown();
    this.broker.start();
    for (const { name } of [...this.#masters, ...this.#workers]) {
      this.heal(name);
      this.thaw(name);
    }
  }

  /** The id that the job of a later submission will have, `ahead` from now on, where it is given none. */
  nextId(ahead: number): string {
    return `job-${this.#count + ahead}`;
  }

  /** A person does something to a job. */
  async act(id: string, verb: Verb): Promise<void> {
    await this.clock.until(act(this.client(), `default.${id}`, verb));
  }

  /** A person cancels a job. */
  async cancel(id: string): Promise<void> {
    await this.act(id, { verb: 'cancel', reason: 'a test' });
  }

  /** What a process of a person has. */
  client(): { world: MemoryWorld; clock: Clock; commit: Commit } {
    const { world, clock } = this.#node('client');
    const { commit } = new Committer({ store: world.store, clock, telemetry: createTelemetry() });
    return { world, clock, commit };
  }

  // ---- time ------------------------------------------------------------------------------------------------

  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      await this.clock.advance(Math.min(100, left));
      this.#check();
    }
  }

  /** Moves on until `holds`. */
  async until(what: string | (() => string), holds: () => boolean, withinMs = 60_000): Promise<void> {
    const end = this.clock.mono() + withinMs;
    while (!holds()) {
      if (this.clock.mono() >= end)
        throw new Error(
          `Expected ${typeof what === 'string' ? what : what()} within ${withinMs} ms, and it was not so.`,
        );
      await this.clock.advance(10);
      this.#check();
    }
  }

  untilState(id: string, state: JobState, withinMs = 60_000): Promise<void> {
    return this.until(`${id} to be ${state}`, () => this.find(id)?.state === state, withinMs);
  }

  untilSettled(ids: readonly string[] = this.submitted, withinMs = 120_000): Promise<void> {
    const isOpen = (id: string) => !isSettled(this.find(id)?.state ?? 'pending');
    const said = () => ids.filter(isOpen).map((id) => `${id} (${this.find(id)?.state ?? 'not there'}) to be settled`);
    // What is settled stays so: each job is looked at until it is, and the next one from then on.
    let at = 0;
    const areSettled = () => {
      while (at < ids.length && !isOpen(ids[at] ?? '')) at++;
      return at === ids.length && !ids.some(isOpen);
    };
    return this.until(() => said().join(', '), areSettled, withinMs);
  }

  /** Everything is repaired; then every submission must come to an end, and nothing be left over. */
  async comeToRest(): Promise<void> {
    this.repair();
    await this.until('every submission to be taken in', () => this.broker.submissionsWaiting === 0, 120_000);
    // What somebody still has in hand may become a job though its submission is lost.
    await this.advance(5_000);
    for (const job of this.#read().jobs()) if (this.#waitsForNothing(job)) await this.#cancelIfOpen(job.id);
    const refused = (await this.rejections()).map(({ headers }) => headers['job-id'] ?? '');
    expect(refused.filter((id) => this.find(id) !== undefined)).toEqual([]);
    const joined = await this.#joined(this.kept.filter((id) => !refused.includes(id)));
    const taken = this.kept.filter((id) => !refused.includes(id) && !joined.has(id));
    await this.untilSettled(taken, 300_000);
    expect(
      this.history
        .jobs()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([...taken].sort());
    await this.advance(10_000);
    await this.#checkEnd();
    while (this.masters.length > 1) await this.#letAnotherLead();
  }

  /** Nobody lets a held job go, nor one that waits for a job that was refused or is lost: a person has to end it. */
  #waitsForNothing({ state, context }: JobRecord): boolean {
    const isGone = (id: string) => this.find(id) === undefined;
    return state === 'held' || (state === 'blocked' && context.blockedBy?.some(isGone) === true);
  }

  /** Its time may be over first. */
  async #cancelIfOpen(id: string): Promise<void> {
    await this.cancel(id).catch((cause) => {
      if (!isFault(cause, 'job.refused')) throw cause;
    });
  }

  /** Submissions that by their unique rule are one with another job, which must be there. */
  async #joined(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const joined = new Set<string>();
    for (const id of ids.filter((each) => this.find(each) === undefined)) {
      const { pointer } = await this.clock.until(this.#client.store.readPointer(noteKey(`default.${id}`)));
      if (pointer === null) continue;
      joined.add(id);
      expect(this.find(pointer.job), `${pointer.job}, to which ${id} came`).toBeDefined();
    }
    return joined;
  }

  /** Whoever stood by must have the same picture. */
  async #letAnotherLead(): Promise<void> {
    const former = this.leader;
    await this.stop(former);
    await this.until('another leader', () => this.history.lease !== null && this.leader !== former);
    await this.advance(6_000);
    await this.#checkEnd();
  }

  // ---- what became of it -----------------------------------------------------------------------------------

  /** The record of a job, as it was written last. */
  job(id: string): JobRecord {
    const record = this.find(id);
    if (record === undefined) throw new RangeError(`Expected a record of ${id}, found none.`);
    return record;
  }

  find(id: string): JobRecord | undefined {
    return this.#read().job(`default.${id}`);
  }

  rejections(): Promise<readonly Rejection[]> {
    return this.clock.until(this.#client.submissions.rejections(10_000));
  }

  /** The leader's answer to a question. */
  ask(question: string, about: unknown = null): Promise<unknown> {
    return this.clock.until(this.#client.desk.ask(question, about, 2_000));
  }

  #check(): void {
    const broken = [...this.#read().breaches, ...this.runs.twice()];
    if (broken.length > 0) throw new Error(`Broken promises:\n${broken.join('\n')}`);
  }

  async #checkEnd(): Promise<void> {
    const jobs = new Map(this.history.jobs().map((record) => [record.id, record]));
    const broken = [...this.runs.misplaced(jobs, this.#capacities)];
    const view = await this.ask('cluster');
    if (!isView(view)) throw new Error('Expected the leader to answer, and it did not.');
    if (view.open > 0) broken.push(`${view.open} jobs are open on the board: ${JSON.stringify(view.byState)}`);
    for (const { name, used, jobs: held } of view.workers)
      if (used !== 0 || held.length > 0) broken.push(`${name} holds ${held.join(', ')}, ${used} slots on the board`);
    expect(broken).toEqual([]);
  }

  #exit(node: Node): void {
    node.alive = false;
    node.world.cut();
    node.side.cut();
    node.clock.freeze();
  }

  #read(): History {
    this.history.read(this.broker.history());
    return this.history;
  }

  #find(name: string): Node {
    const node = [...this.#masters, ...this.#workers].find((one) => one.name === name);
    if (node === undefined) throw new RangeError(`Expected a node, got ${name}.`);
    return node;
  }

  #node(name: string): Node {
    const clock = this.clock.forNode({ offsetMs: this.#skew() });
    const telemetry = createTelemetry();
    telemetry.subscribe((told) => {
      if (told.name === 'commit.batch' || (levelOf(told) === 'debug' && !isTold)) return;
      this.note(`${name}: ${lineOf(told)}`);
    });
    const [near, side] = [this.broker.world({ clock }), this.broker.world({ clock })];
    const world = { ...near, store: this.#plant(near.store, this.broker) };
    return { name, clock, world, side, telemetry, alive: true };
  }

  #definitions(clock: Clock): readonly JobDefinition[] {
    return [...simulate({ clock }), stubborn(clock), picky()];
  }

  /** Lets a process start; with a broker that is away it goes on starting while the story does. */
  async #startedBy(start: Promise<void>): Promise<void> {
    await this.clock.until(start);
  }
}

function isView(answer: unknown): answer is ClusterView {
  return typeof answer === 'object' && answer !== null && 'open' in answer && 'workers' in answer;
}
