/**
 * Everything at once: processes and the broker are killed, frozen and stopped at random, wires are cut and worse, under
 * a mixed load.
 *
 * What must hold is what `history.ts` says, and that every acknowledged job completes in the end. The seed chooses
 * what happens; when it happens is up to the machine. A longer form: CHAOS_TURNS=200 CHAOS_SEED=1.
 */

import { expect, test } from 'vitest';
import { seeded } from '../../runtime/memory/manual-clock.ts';
import { type Cluster, cluster } from './harness.ts';
import type { YardProcess } from './process.ts';

const turns = Number(process.env['CHAOS_TURNS'] ?? 8);
const seed = Number(process.env['CHAOS_SEED'] ?? 7);

interface Scene {
  yard: Cluster;
  chance: () => number;
}

type Turn = (scene: Scene) => Promise<string>;

/** One of these. */
function pick<Item>(items: readonly Item[], chance: () => number): Item {
  const item = items[Math.floor(chance() * items.length)];
  if (item === undefined) throw new RangeError('Expected something to choose from, got nothing.');
  return item;
}

function anyProcess({ yard, chance }: Scene): YardProcess {
  return pick(yard.running(), chance);
}

const happenings: readonly Turn[] = [
  async (scene) => {
    const target = anyProcess(scene);
    await scene.yard.kill(target);
    await scene.yard.start(target.role);
    return `killed ${target.name}`;
  },
  async (scene) => {
    const target = anyProcess(scene);
    const ms = pick([200, 800, 1_500, 2_500], scene.chance);
    scene.yard.freeze(target);
    await scene.yard.lasts(ms);
    scene.yard.thaw(target);
    return `froze ${target.name} for ${ms} ms`;
  },
  async (scene) => {
    const target = anyProcess(scene);
    const ms = pick([200, 800, 1_500, 2_500], scene.chance);
    const trouble = pick(['cut', 'drop', 'mute', 'deafen'] as const, scene.chance);
    scene.yard[trouble](target);
    await scene.yard.lasts(ms);
    scene.yard.heal(target);
    return `${trouble} ${target.name} for ${ms} ms`;
  },
  async (scene) => {
    const target = anyProcess(scene);
    const ms = pick([50, 150, 300], scene.chance);
    scene.yard.delay(target, ms);
    await scene.yard.lasts(2_500);
    scene.yard.heal(target);
    return `all of ${target.name} came ${ms} ms late`;
  },
  async (scene) => {
    const target = anyProcess(scene);
    const stopped = scene.yard.stop(target);
    await scene.yard.start(target.role);
    await stopped;
    return `stopped ${target.name}`;
  },
  async (scene) => {
    const ms = pick([0, 300, 1_000], scene.chance);
    await scene.yard.broker.kill();
    await scene.yard.lasts(ms);
    await scene.yard.broker.restart();
    return `restarted the broker after ${ms} ms`;
  },
  async (scene) => {
    const ms = pick([300, 1_000, 1_800], scene.chance);
    scene.yard.freezeBroker();
    await scene.yard.lasts(ms);
    scene.yard.thawBroker();
    return `froze the broker for ${ms} ms`;
  },
];

interface Work {
  type: string;
  payload: unknown;
}

/** Work of all kinds: of no time, of some, failing and retrying, deaf to signals, talkative, and with a child. */
const works: readonly ((chance: () => number) => Work)[] = [
  (chance) => ({ type: 'mark', payload: { ms: pick([0, 0, 5, 50, 400, 1_500], chance) } }),
  (chance) => ({ type: 'mark', payload: { ms: pick([0, 5, 50], chance) } }),
  () => ({ type: 'noop', payload: {} }),
  () => ({ type: 'flaky', payload: { failAttempts: 2 } }),
  (chance) => ({ type: 'stubborn', payload: { ms: pick([50, 700], chance) } }),
  () => ({ type: 'chatty', payload: { ms: 600, everyMs: 100 } }),
  () => ({ type: 'script', payload: { command: 'sleep', args: ['0.3'] } }),
];

/** Jobs of all kinds, each submitted again until the broker has promised to keep it. */
async function load(yard: Cluster, chance: () => number, count: number): Promise<void> {
  const one = async (at: number) => {
    const { type, payload } = pick(works, chance)(chance);
    const headers = {
      'Max-Attempts': '50',
      Backoff: 'fixed(50ms)',
      'Job-Id': `${yard.user.submitted.length}-${at}-${Math.floor(chance() * 1e9)}`,
      Priority: pick(['critical', 'high', 'medium', 'low'], chance),
      Delay: pick(['0ms', '0ms', '300ms', '2s'], chance),
    };
    const pub = () => yard.user.pub(type, payload, headers).catch(() => undefined);
    await yard.user.until(pub, 'a submission to be stored');
  };
  await Promise.all(Array.from({ length: count }, (_, at) => one(at)));
}

test(`whatever happens, each acknowledged job completes, and no attempt runs twice (seed ${seed})`, async () => {
  const patience = { lostAfter: '1500ms', pulse: '250ms', drainDeadline: '500ms', cancelGrace: '300ms' };
  const flags = { ...patience, concurrency: 4, types: 'noop,flaky,mark,stubborn,chatty,script', scriptAllow: 'sleep' };
  await using yard = await cluster({ masters: 2, workers: 3, wired: true, flags });
  const chance = seeded(seed);
  const happened: string[] = [];
  for (let turn = 0; turn < turns; turn++) {
    const loading = load(yard, seeded(seed + turn), 40);
    happened.push(await pick(happenings, chance)({ yard, chance }));
    await loading;
  }
  const promised = [...new Set(yard.user.submitted.flatMap(({ id }) => id ?? []))];
  const records = await yard.user.settled(promised, 60_000);
  const others = records.filter(({ state, context }) => state !== 'completed' && context.losses < context.maxLosses);
  expect(others, happened.join('\n')).toEqual([]);
  expect(records).toHaveLength(40 * turns);
  await yard.expectSound();
}, 600_000);
