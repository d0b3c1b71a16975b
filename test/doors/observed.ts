/**
 * A running cluster under a mixed load that a real Prometheus watches, and what happened there, counted by others than its metrics:
 * heads off the feed by a plain client, events of the processes, records, and what a fake `nvidia-smi` says.
 *
 * Once the load has ended nothing moves any more, and every series can be compared with one number.
 */

import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect } from 'vitest';
import { z } from 'zod';
import { type RunningMaster, startMaster } from '../../cluster/master.ts';
import { readSettings } from '../../cluster/settings.ts';
import { type RunningWorker, startWorker } from '../../cluster/worker.ts';
import { serveMetrics } from '../../doors/metrics.ts';
import { makeClip } from '../../handlers/ffmpeg/clip.ts';
import { Ffmpeg } from '../../handlers/ffmpeg/tool.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { connect, defineJob, type Yard } from '../../sdk/index.ts';
import { scratch, type TestBroker, testBroker } from '../nats/broker.ts';
import { serveOpen } from './cluster.ts';
import { Shell } from './command.ts';
import { Prometheus } from './prometheus.ts';

const head = z.looseObject({
  state: z.string(),
  type: z.string(),
  queue: z.string(),
  priority: z.string(),
  attempt: z.number(),
  createdAt: z.number(),
  updatedAt: z.number(),
  readyAt: z.number().optional(),
  ranMs: z.number().optional(),
});
export type SeenHead = z.output<typeof head>;

/** An event that a process told, and whose it was. */
export interface SeenEvent {
  process: string;
  name: string;
  facts: Readonly<Record<string, unknown>>;
}

const figure = z.number().optional();
const result = z
  .looseObject({
    ...{ encoder: z.string(), fps: figure, speed: figure, qoeEfficiency: figure },
    quality: z.looseObject({ vmaf: figure, ssim: figure }),
    energy: z.looseObject({ joules: figure, source: z.string() }).optional(),
  })
  .transform(({ encoder, fps, speed, qoeEfficiency: efficiency, quality: { vmaf, ssim }, energy }) => ({
    ...{ encoder, fps, speed, efficiency, vmaf, ssim },
    ...{ joules: energy?.joules, source: energy?.source ?? 'none' },
  }));
/** The result of a transcode. */
export type Film = z.output<typeof result>;

/** What happened, as far as it was seen. */
export interface Seen {
  /** Of each job the heads that were republished, in order. */
  heads: ReadonlyMap<string, readonly SeenHead[]>;
  /** Terms for which a lease was seen. */
  terms: ReadonlySet<number>;
  /** Goes on. */
  events: readonly SeenEvent[];
  /** Why jobs wait, by the leader's answer for each. */
  reasons: readonly string[];
  films: readonly Film[];
  rejected: number;
  slots: number;
  /** When it was looked at, broker time. */
  at: number;
}

const gpus = '0, NVIDIA A10, 23028, 18211, 93, 64, 142.07\n1, Tesla T4, 15360, 0, 0, 33, 9.81\n';
const slots = 3;

export class Observed implements AsyncDisposable {
  readonly yard: Yard;
  readonly prometheus: Prometheus;
  readonly #stage: Stage;
  #transcodes = 0;

  private constructor(stage: Stage, yard: Yard, prometheus: Prometheus) {
    this.#stage = stage;
    this.yard = yard;
    this.prometheus = prometheus;
  }

  static async start(program: string): Promise<Observed> {
    const stage = await Stage.open();
    try {
      const { yard, targets } = await stage.start();
      const prometheus = await Prometheus.start(program, targets);
      stage.atEnd(() => prometheus[Symbol.asyncDispose]());
      return new Observed(stage, yard, prometheus);
    } catch (cause) {
      await stage[Symbol.asyncDispose]();
      throw cause;
    }
  }

  /** Everything that can happen once, and what stays as it is until the end. */
  async trouble(): Promise<void> {
    const { yard } = this;
    await expect.poll(() => this.prometheus.isUp()).toBe(true);
    await yard.stepDown();
    await next(this.#stage.telemetry.master, 'leader.elected');
    await this.#stage.loseWorker(yard);
    await yard.queues.pause('batch');
    await yard.submitMany(
      Array.from({ length: 4 }, () => ({ type: 'fine', payload: {}, options: { queue: 'batch' } })),
    );
    await yard.submit('script', { command: 'true' }, { labels: { zone: 'nowhere' } });
    await yard.submit('fine', {}, { delay: '1h' });
    await yard.submit('failing', {}, { backoff: 'fixed(1h)', id: 'resting' });
    const held = await yard.submit('holding', {}, { priority: 'critical', queue: 'live' });
    await expect.poll(async () => (await yard.job(held.id))?.state).toBe('processing');
    await expect.poll(async () => (await yard.job('resting'))?.state).toBe('retrying');
    await this.#stage.reject();
    await expect.poll(async () => (await yard.rejected(10)).length).toBe(2);
  }

  /** Some of each kind, to their end. */
  async load(): Promise<void> {
    const jobs = await this.yard.submitMany([
      ...Array.from({ length: 6 }, () => ({ type: 'fine', payload: {} })),
      ...Array.from({ length: 2 }, () => ({
        type: 'fine',
        payload: {},
        options: { queue: 'live', priority: 'high' } as const,
      })),
      { type: 'failing', payload: {} },
    ]);
    await Promise.all(jobs.map(({ id }) => this.yard.settled(id)));
  }

  /** One, to its end. */
  async transcode(): Promise<void> {
    const output = `${this.#transcodes++}.mp4`;
    const { id } = await this.yard.submit('transcode', { input: 'clip.mp4', output, crf: 28 });
    expect(await this.yard.settled(id)).toMatchObject({ state: 'completed' });
  }

  /** What was seen, once Prometheus has seen all of it, and the same still holds then. */
  async seen(): Promise<Seen> {
    for (;;) {
      const before = this.#stage.moved;
      const at = this.yard.now();
      await this.#stage.pass();
      await this.#scrapedSince(Date.now());
      if (this.#stage.moved === before) return { ...(await this.#stage.seen(this.yard)), at };
    }
  }

  async #scrapedSince(at: number): Promise<void> {
    const oldest = async () => (await this.prometheus.query('min(timestamp(up))'))[0]?.value ?? 0;
    await expect.poll(oldest, { timeout: 60_000, interval: 100 }).toBeGreaterThan(at / 1_000 + 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stage[Symbol.asyncDispose]();
  }
}

/** The processes, and who counts. */
class Stage implements AsyncDisposable {
  readonly telemetry = { master: createTelemetry(), worker: createTelemetry() };
  readonly #broker: TestBroker;
  readonly #folder: string;
  readonly #heads = new Map<string, SeenHead[]>();
  readonly #terms = new Set<number>();
  readonly #events: SeenEvent[] = [];
  readonly #ends: (() => Promise<unknown>)[] = [];
  readonly #release = Promise.withResolvers<void>();

  /** How often any job has moved. */
  moved = 0;

  private constructor(broker: TestBroker, folder: string) {
    this.#broker = broker;
    this.#folder = folder;
  }

  static async open(): Promise<Stage> {
    const [broker, folder] = await Promise.all([testBroker(), scratch()]);
    const stage = new Stage(broker, folder.path);
    stage.atEnd(async () => await folder[Symbol.asyncDispose]());
    stage.atEnd(async () => await broker[Symbol.asyncDispose]());
    return stage;
  }

  atEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }

  async start(): Promise<{ yard: Yard; targets: string }> {
    await this.#prepare();
    for (const role of ['master', 'worker'] as const)
      this.telemetry[role].subscribe(({ name, facts }) =>
        this.#events.push({ process: `${role}-1`, name, facts: { ...facts } }),
      );
    await this.#follow();
    const master = await this.#master();
    const worker = await this.#worker();
    const http = await serveOpen(() => connect({ servers: this.#broker.url }));
    this.atEnd(async () => await Promise.all([http.close(), master?.close(), worker?.close()]));
    const yard = await connect({ servers: this.#broker.url });
    this.atEnd(() => yard.close());
    return { yard, targets: `${http.url}/v1/prometheus/targets` };
  }

  /** A clip, and a driver of two GPUs. */
  async #prepare(): Promise<void> {
    const ffmpeg = new Ffmpeg({ clock: new SystemClock() });
    const bin = join(this.#folder, 'bin');
    await mkdir(bin);
    await makeClip({ ffmpeg, path: join(this.#folder, 'clip.mp4'), seconds: 1 });
    await writeFile(join(bin, 'nvidia-smi'), `#!/bin/sh\nprintf '${gpus.replaceAll('\n', '\\n')}'\n`);
    await chmod(join(bin, 'nvidia-smi'), 0o755);
    const { PATH = '' } = process.env;
    process.env['PATH'] = [bin, PATH].join(delimiter);
    this.atEnd(async () => {
      process.env['PATH'] = PATH;
    });
  }

  /** As any client would, with nothing of ours: what is republished, and its headers. */
  async #follow(): Promise<void> {
    const connection = await this.#broker.connect();
    connection.subscribe('yard.feed.>', {
      callback: (_, message) => {
        const lease = z.object({ term: z.number() }).safeParse(read(message.headers?.get('Yard-Lease')));
        // Who has just won does not know its term yet.
        if (lease.success && lease.data.term > 0) this.#terms.add(lease.data.term);
        const seen = head.safeParse(read(message.headers?.get('Yard-Head')));
        if (!seen.success) return;
        const key = message.subject.slice('yard.feed.'.length);
        this.#heads.set(key, [...(this.#heads.get(key) ?? []), seen.data]);
        this.moved++;
      },
    });
    await connection.flush();
  }

  #settings(role: 'master' | 'worker') {
    const flags = {
      ...{ nats: this.#broker.url, metricsPort: 'free', name: `${role}-1`, schedulerInterval: 300 },
      ...{ concurrency: slots, inputRoots: this.#folder, outputRoot: this.#folder },
    };
    return readSettings({ flags, env: {}, directory: this.#folder }, role);
  }

  async #master() {
    const telemetry = this.telemetry.master;
    const options = this.#settings('master');
    let running: RunningMaster | undefined;
    const samples = () => running?.samples() ?? [];
    const serving = await serveMetrics(options, { role: 'master', telemetry, samples });
    const elected = next(telemetry, 'leader.elected');
    running = await startMaster({ options, telemetry, metrics: serving?.url });
    this.atEnd(async () => await running?.stop());
    await elected;
    return serving;
  }

  async #worker() {
    const telemetry = this.telemetry.worker;
    const options = this.#settings('worker');
    const payload = z.object({});
    const definitions = [
      defineJob({ type: 'fine', payload, run: () => 'done' }),
      defineJob({ type: 'holding', payload, run: () => this.#release.promise }),
      defineJob({
        ...{ type: 'failing', payload, defaults: { maxAttempts: 2 } },
        run: () => Promise.reject(new Error('no luck')),
      }),
    ];
    let running: RunningWorker | undefined;
    const samples = () => running?.samples() ?? [];
    const serving = await serveMetrics(options, { role: 'worker', telemetry, samples });
    running = await startWorker({ options, telemetry, definitions, metrics: serving?.url });
    this.atEnd(async () => await running?.drain());
    return serving;
  }

  /** A process that holds a job, and dies. */
  async loseWorker(yard: Yard): Promise<void> {
    await using shell = new Shell(this.#folder, { NATS_URL: this.#broker.url });
    const flags = ['--name', 'doomed', '--types', 'sleeper', '--labels', 'zone=doomed', '--metrics-port', 'off'];
    const doomed = shell.start('worker', ...flags);
    await doomed.says('worker.started');
    const { id } = await yard.submit('sleeper', { executionTimeMs: 600_000 }, { labels: { zone: 'doomed' } });
    await expect.poll(async () => (await yard.job(id))?.state).toBe('processing');
    const taken = next(this.telemetry.master, 'jobs.takenBack');
    doomed.signal('SIGKILL');
    await taken;
  }

  async reject(): Promise<void> {
    const connection = await this.#broker.connect();
    for (const body of ['not json', '[]']) connection.publish('yard.submit.fine', body);
    await connection.flush();
  }

  /** The leader has looked at all that waits, once more. */
  async pass(): Promise<void> {
    await next(this.telemetry.master, 'scheduler.pass');
    await next(this.telemetry.master, 'scheduler.pass');
  }

  async seen(yard: Yard): Promise<Omit<Seen, 'at'>> {
    const waiting = [...this.#heads].filter(([, heads]) => isWaiting(heads.at(-1)));
    const reasons = await Promise.all(
      waiting.map(async ([key]) => (await yard.why(key.slice('default.'.length)))?.code),
    );
    const films = await Array.fromAsync(yard.jobs({ type: 'transcode', state: 'completed' }));
    return {
      ...{ heads: this.#heads, terms: this.#terms, events: this.#events, slots },
      reasons: reasons.filter((reason) => reason !== undefined),
      films: films.map(({ context }) => result.parse(context.result)),
      rejected: (await yard.rejected(10)).length,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#release.resolve();
    for (const end of this.#ends.toReversed()) await end();
  }
}

export function isWaiting(seen: SeenHead | undefined): boolean {
  return seen?.state === 'pending' || seen?.state === 'queued';
}

function read(json: string | undefined): unknown {
  return json === undefined || json === '' ? undefined : JSON.parse(json);
}
