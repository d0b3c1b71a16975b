/**
 * A worker: a process that takes jobs, in one life after another.
 *
 * Taken for lost, it has lost: its jobs may run elsewhere by now. So it does not go on as if nothing had been. The life
 * that the leader buried ends (its handlers are told to stop, its mailbox and its pulse are given up, its name is never
 * used again), and the process goes on in a new one that holds nothing, under a name with the number of the life behind
 * it. A handler of an earlier life that has not stopped yet takes up its slot until it ends or is abandoned.
 */

import { idle, together, type Usage } from '../machines/rules/capability.ts';
import type { Gpu } from '../machines/rules/gpu.ts';
import { pause } from '../runtime/clock.ts';
import { messageOf } from '../runtime/faults.ts';
import type { JobDefaults } from '../runtime/handler.ts';
import { payloadSchemaOf } from '../runtime/payload-schema.ts';
import { Devices } from './devices.ts';
import { Life, type LifeOptions } from './life.ts';
import { patientlyAtStart } from './patience.ts';

export interface WorkerOptions extends Omit<LifeOptions, 'devices' | 'isDrained' | 'leftovers' | 'onLost'> {
  /** Names of its GPUs, as many as its capacity says. */
  gpus?: readonly string[];
  /** What the operator says for these types, where a type does not say it itself. */
  typeDefaults?: JobDefaults;
}

const againAfterMs = 1_000;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #devices: Devices;
  /** Lives that are over and of which something still runs. */
  readonly #former = new Set<Life>();
  #life: Life;
  #lives = 1;
  #leaving = false;
  #returning: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#devices = new Devices(gpusOf(options), options.identity.capacity.encoders);
    this.#life = this.#newLife(options.identity.incarnation, false);
  }

  get incarnation(): string {
    return this.#life.incarnation;
  }

  async start(): Promise<void> {
    const { world, clock, definitions, typeDefaults } = this.#options;
    for (const { type, description, defaults, payload } of definitions) {
      const schema = payloadSchemaOf(payload);
      const said = {
        ...(description === undefined ? {} : { description }),
        ...(schema === undefined ? {} : { schema }),
      };
      const entry = { type, defaults: { ...typeDefaults, ...defaults }, ...said };
      await patientlyAtStart(() => world.control.registerType(entry), clock);
    }
    await this.#life.start();
  }

  /** Takes nothing more, lets what runs finish until the deadline, then hands it back; then it is gone. */
  async drain(): Promise<void> {
    if (this.#leaving) return this.handBackNow();
    this.#leaving = true;
    await this.#returning;
    await this.#life.drain();
    await Promise.all([...this.#former].map(({ emptied }) => emptied));
  }

  /** Hands back what runs, now. */
  handBackNow(): void {
    this.#life.handBackNow();
  }

  #newLife(incarnation: string, isDrained: boolean): Life {
    return new Life({
      ...this.#options,
      identity: { ...this.#options.identity, incarnation },
      devices: this.#devices,
      isDrained,
      leftovers: () => this.#leftovers(),
      onLost: () => this.#lost(),
    });
  }

  #leftovers(): Usage {
    return [...this.#former].reduce((all, { usage }) => together(all, usage), idle);
  }

  /** Who is leaving anyway needs no other life: it only sees which of its jobs are still its own. */
  #lost(): void {
    if (this.#leaving) return this.#life.lookAtAll();
    this.#returning ??= this.#return().finally(() => {
      this.#returning = undefined;
    });
  }

  async #return(): Promise<void> {
    const { telemetry, identity } = this.#options;
    const former = this.#life;
    this.#former.add(former);
    void former.emptied.then(() => this.#former.delete(former));
    const incarnation = `${identity.incarnation}-${++this.#lives}`;
    telemetry.tell('worker.returned', {
      incarnation,
      name: identity.name,
      former: former.incarnation,
      jobs: former.holds,
    });
    this.#life = this.#newLife(incarnation, former.isDrained);
    await this.#try('ending a life', () => former.end());
    while (!this.#leaving && !(await this.#try('starting a new life', () => this.#life.start()))) await this.#again();
  }

  /** A life that could not begin is as gone as one that has ended. */
  async #again(): Promise<void> {
    const failed = this.#life;
    await this.#try('ending a life', () => failed.end());
    await pause(this.#options.clock, againAfterMs);
    this.#life = this.#newLife(`${this.#options.identity.incarnation}-${++this.#lives}`, failed.isDrained);
  }

  async #try(what: string, how: () => Promise<void>): Promise<boolean> {
    try {
      await how();
      return true;
    } catch (cause) {
      this.#options.telemetry.tell('process.failed', { what, error: messageOf(cause) });
      return false;
    }
  }
}

/** Where they do not differ in kind, each is as the capacity says of all. */
function gpusOf({ identity: { capacity }, gpus }: WorkerOptions): readonly Gpu[] {
  const { gpu, vramMb, vramsMb, vendor } = capacity;
  const names = gpus ?? Array.from({ length: gpu }, (_, at) => String(at));
  const made = vendor === undefined ? {} : { vendor };
  return capacity.gpus ?? names.map((name, at) => ({ name, vramMb: vramsMb?.[at] ?? vramMb, ...made }));
}
