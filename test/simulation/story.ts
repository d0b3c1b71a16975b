/**
 * What may happen to a cluster in a bad minute, drawn by a seed: work comes in, and all kinds of things break.
 */

import type { MasterSettings } from '../../actors/reign.ts';
import { priorities } from '../../machines/rules/lanes.ts';
import type { Odds } from '../../runtime/memory/chaos.ts';
import { seeded } from '../../runtime/memory/manual-clock.ts';
import type { Simulation } from './simulation.ts';

export type Chance = () => number;

/** Something that people do to a cluster. */
export type Doing = (sim: Simulation, chance: Chance) => void | Promise<void>;

/** Chaos for a run: most runs have a little of everything, some a lot of one thing. */
export function randomOdds(seed: number): Partial<Odds> {
  const chance = seeded(seed + 7);
  const some = (most: number) => (chance() < 0.4 ? 0 : most * chance());
  return {
    busy: some(0.1),
    silentStored: some(0.05),
    silentLate: some(0.05),
    silentLost: some(0.05),
    lost: { change: some(0.1), mail: some(0.2), message: some(0.2) },
    duplicated: { change: some(0.1), mail: some(0.2), message: some(0.1) },
    reordered: { change: some(0.03), mail: some(0.2), message: some(0.2) },
    heldUpMs: [1, 200],
    staleReads: some(0.3),
    staleByAtMost: 20,
    latencyMs: [0, Math.floor(some(30))],
    lateMs: [1, 8_000],
  };
}

/** Settings for a run: jobs are sent ahead in half of them, and some are in a hurry. */
export function randomSettings(seed: number): Partial<MasterSettings> {
  const chance = seeded(seed + 11);
  return {
    lookAhead: pick(chance, [0, 0, 3, 10]),
    schedulerIntervalMs: pick(chance, [5_000, 5_000, 500]),
    offerForMs: pick(chance, [5_000, 1_000]),
    gpuSpillOver: chance() < 0.5,
  };
}

/** Every bad minute has at least so many. */
export const leastJobs = 100;
export const leastFaults = 5;

/** Lets `events` things happen, and then more until there were enough: `work` comes in, or something breaks. */
export async function badMinute(sim: Simulation, events: number, work: Doing = submitSome): Promise<void> {
  const chance = seeded(sim.seed + 13);
  const trouble = new Trouble(sim, chance);
  await sim.startWorker({ gpu: 1, vramMb: 8_000 });
  for (let n = 0; n < events || sim.faults.length < leastFaults; n++) {
    if (chance() < 0.6) await work(sim, chance);
    else await trouble.happen();
    await sim.advance(Math.floor(chance() ** 2 * 2_500));
    await trouble.mend();
  }
  while (sim.submitted.length < leastJobs) submitSome(sim, chance);
  sim.broker.start();
  await sim.startWorker();
  await sim.startWorker({ gpu: 1, vramMb: 8_000 });
}

/** One job, or a burst of them. */
function submitSome(sim: Simulation, chance: Chance): void {
  const burst = chance() < 0.2 ? 20 : 3;
  for (let n = 0; n < 1 + Math.floor(chance() * burst); n++) sim.submit(...randomJob(chance));
}

export function randomJob(
  chance: Chance,
): [type: string, body: Record<string, unknown>, headers: Record<string, string>] {
  const type = pick(chance, ['noop', 'noop', 'sleeper', 'sleeper', 'flaky', 'always_fail', 'stubborn', 'picky']);
  const body = type === 'noop' || type === 'picky' ? {} : { executionTimeMs: Math.floor(chance() ** 3 * 9_000) };
  const headers: Record<string, string> = {
    Queue: pick(chance, ['live', 'default', 'batch', 'other']),
    Priority: pick(chance, priorities),
    'Max-Attempts': String(1 + Math.floor(chance() * 6)),
    Backoff: pick(chance, ['fixed(100ms)', 'exponential(200ms, x2, max 3s, jitter 100ms)', 'list(0ms, 1s)']),
  };
  if (chance() < 0.2) headers['Delay'] = `${Math.floor(chance() * 5_000)}ms`;
  if (chance() < 0.1) headers['Expires-In'] = `${Math.floor(chance() * 10_000)}ms`;
  if (chance() < 0.2) headers['Timeout'] = `${10 + Math.floor(chance() * 4_000)}ms`;
  if (chance() < 0.1) headers['Stale-After'] = `${100 + Math.floor(chance() * 4_000)}ms`;
  if (chance() < 0.1) headers['Slots'] = pick(chance, ['2', '4']);
  if (chance() < 0.1) headers['Gpu'] = '1';
  if (chance() < 0.05) headers['Hold'] = 'true';
  return [type, body, headers];
}

/** Things that break, and what was promised to be mended. */
class Trouble {
  readonly #sim: Simulation;
  readonly #chance: Chance;
  #mends: { at: number; mend: () => void }[] = [];

  constructor(sim: Simulation, chance: Chance) {
    this.#sim = sim;
    this.#chance = chance;
  }

  async happen(): Promise<void> {
    const kinds = ['kill', 'freeze', 'cut', 'broker', 'power', 'mute', 'cancel', 'join', 'drain', 'stop'] as const;
    const kind = pick(this.#chance, kinds);
    const { sim, node } = this.#scene();
    switch (kind) {
      case 'kill':
        if (this.#isSpare(node)) this.#fault(kind, () => sim.kill(node));
        return;
      case 'freeze':
        this.#fault(kind, () => sim.freeze(node));
        return this.#later(() => sim.thaw(node));
      case 'cut':
        this.#fault(kind, () => sim.cut(node));
        return this.#later(() => sim.heal(node));
      case 'broker':
        this.#fault(kind, () => sim.broker.stop());
        return this.#later(() => sim.broker.start());
      case 'power':
        this.#fault(kind, () => sim.cutPower(this.#tail()));
        return this.#later(() => sim.broker.start());
      case 'mute':
        return this.#fault(kind, () => sim.broker.mute(1 + Math.floor(this.#chance() * 20)));
      case 'cancel':
        return this.#cancel();
      case 'join':
        if (sim.workers.length < 6 && sim.broker.isUp) await sim.startWorker();
        return;
      case 'drain':
        if (sim.workers.length > 1 && this.#isQuiet()) await sim.drain(pick(this.#chance, sim.workers));
        return;
      case 'stop':
        if (sim.masters.length > 1 && this.#isQuiet()) await sim.stop(pick(this.#chance, sim.masters));
        return;
    }
  }

  /** How much a broker without power loses: the last second or so, and of each stream another one. */
  #tail(): { writes: number; submissions: number } {
    const [writes, submissions] = [this.#chance(), this.#chance()];
    return { writes: Math.floor(writes ** 2 * 60), submissions: Math.floor(submissions ** 3 * 10) };
  }

  #scene(): { sim: Simulation; node: string } {
    const sim = this.#sim;
    return { sim, node: pick(this.#chance, [...sim.masters, ...sim.workers]) };
  }

  #fault(name: string, what: () => void): void {
    this.#sim.faults.push(name);
    what();
  }

  /** Nothing is broken that would keep anybody from leaving. */
  #isQuiet(): boolean {
    return this.#sim.broker.isUp && this.#mends.length === 0;
  }

  /** Whether another one of its kind is there. */
  #isSpare(node: string): boolean {
    const { masters, workers } = this.#sim;
    return masters.includes(node) ? masters.length > 1 : workers.length > 1;
  }

  /** Mends what it is time to mend. */
  async mend(): Promise<void> {
    const now = this.#sim.clock.mono();
    const due = this.#mends.filter(({ at }) => at <= now);
    this.#mends = this.#mends.filter(({ at }) => at > now);
    for (const { mend } of due) mend();
    if (!this.#sim.broker.isUp) return;
    if (this.#sim.masters.length < 2) await this.#sim.startMaster();
    if (this.#sim.workers.length < 2) await this.#sim.startWorker();
  }

  #later(mend: () => void): void {
    this.#mends.push({ at: this.#sim.clock.mono() + Math.floor(this.#chance() ** 2 * 12_000), mend });
  }

  async #cancel(): Promise<void> {
    const open = this.#sim.submitted.filter((id) => !isOver(this.#sim.find(id)?.state));
    const id = open.at(Math.floor(this.#chance() * open.length));
    if (id !== undefined && this.#sim.find(id) !== undefined && this.#sim.broker.isUp)
      await this.#sim.cancel(id).catch(() => undefined);
  }
}

function isOver(state: string | undefined): boolean {
  return state === 'completed' || state === 'cancelled' || state === 'failed';
}

export function pick<Item>(chance: Chance, items: readonly Item[]): Item {
  const item = items[Math.floor(chance() * items.length)];
  if (item === undefined) throw new RangeError('Expected something to pick from, got nothing.');
  return item;
}
