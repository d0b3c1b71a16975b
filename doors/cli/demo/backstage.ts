/**
 * The folder and the cluster of a demonstration, and that neither outlives it: not when it ends well, nor badly, nor
 * by Ctrl-C. Only one that is kept stays, and then as a cluster of `yard up` that nobody waits for.
 *
 * The cluster hears nothing of the environment in which the demonstration is started: options and credentials of
 * another cluster are not meant for this one.
 */

import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client } from '../../../cluster/client.ts';
import { saidOtherwise } from '../../../cluster/command-line.ts';
import { startDetached } from '../../../cluster/detach.ts';
import { logWriter } from '../../../cluster/log-files.ts';
import { type Options, readSettings } from '../../../cluster/settings.ts';
import { type Cluster, startCluster } from '../../../cluster/up.ts';
import type { UpFile } from '../../../cluster/up-file.ts';
import { Yard } from '../../../sdk/index.ts';
import { onInsist } from '../insist.ts';
import { Interrupted } from '../interrupt.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the machine needs is heard all the same: where its programs are. */
const heard = new Set(['YARD_NATS_SERVER', 'YARD_FFMPEG']);

export class Backstage implements AsyncDisposable {
  readonly folder: string;
  /** Where outputs go, and the clip that is made. */
  readonly media: string;
  /** The data directory of the cluster. */
  readonly data: string;
  readonly env: Environment;
  readonly #stopping = new AbortController();
  readonly #leave: () => void;
  #cluster: Cluster | undefined;
  #options: Options | undefined;
  #isKept = false;

  /** Makes the folder, and listens for Ctrl-C from now on. */
  static async open(env: Environment): Promise<Backstage> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'yard-demo-')));
    const backstage = new Backstage(folder, env);
    await mkdir(backstage.media);
    return backstage;
  }

  private constructor(folder: string, env: Environment) {
    this.folder = folder;
    this.media = join(folder, 'media');
    this.data = join(folder, '.yard');
    const own = Object.entries(env).filter(([name]) => heard.has(name) || !/^(YARD|NATS)_/.test(name));
    this.env = Object.fromEntries(own);
    this.#leave = onInsist((_, signal) => {
      this.#stopping.abort(new Interrupted(`Stopped by ${signal}.`));
      void this.#cluster?.stop();
    });
  }

  /** Fires when a person has had enough; its reason is `Interrupted`. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** A broker and a master, on free ports; workers that join may read the input. What dies stays dead. */
  async start({ input, say }: { input: string; say(sentence: string): void }): Promise<Cluster> {
    this.#options = this.#settings(input);
    this.#cluster = await startCluster({
      options: this.#options,
      onLine: logWriter(this.data),
      say,
      restart: false,
      signal: this.signal,
      env: this.env,
      directory: this.folder,
    });
    return this.#cluster;
  }

  /** A connection to the cluster, as any program may have. */
  async connect({ url, prefix }: Cluster): Promise<Yard> {
    const sources = { flags: { nats: url, prefix }, env: this.env, directory: this.folder };
    return new Yard(await Client.open({ options: readSettings(sources, 'client'), role: 'yard demo' }));
  }

  /** Stops the cluster and starts it again as one that stays: same address, same jobs, two workers. */
  async keep(): Promise<UpFile> {
    const [cluster, options] = [this.#cluster, this.#options];
    if (cluster === undefined || options === undefined) throw new RangeError('Expected a cluster to keep, got none.');
    await cluster.stop();
    const port = portIn(cluster.url);
    const mqttPort = cluster.mqttUrl === undefined ? 'free' : portIn(cluster.mqttUrl);
    const up = await startDetached({
      options: saidOtherwise(options, { port, mqttPort, workers: 2 }),
      signal: this.signal,
      env: this.env,
      directory: this.folder,
    });
    this.#isKept = true;
    return up;
  }

  /** Stops what runs; the folder goes as well, unless the cluster was kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster?.[Symbol.asyncDispose]();
    if (!this.#isKept) await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
    this.#leave();
  }

  #settings(input: string): Options {
    const roots = [this.media, dirname(input)].filter((root, at, all) => all.indexOf(root) === at);
    const ports = { port: 'free', monitorPort: 'free', mqttPort: 'free' };
    const places = { data: this.data, inputRoots: roots.join(','), outputRoot: this.media };
    // One slot each, so that there is a line to stand in; nobody waits for workers that are stopped half-way.
    const crew = { masters: '1', workers: '0', concurrency: '1', drainDeadline: '1s' };
    return readSettings({ flags: { ...ports, ...places, ...crew }, env: this.env, directory: this.folder }, 'up');
  }
}

function portIn(url: string): number {
  return Number(new URL(url).port);
}
