/**
 * The test projects, one a kind of world: `unit` and `simulation` need nothing, `nats`, `doors` and a part of `fuzz` a real broker,
 * `handlers` real tools, `cluster` real processes. Nothing is ever tried again, and two workers are all there are.
 *
 * Every `*.test.ts` belongs to exactly one project: `unit` takes what no other folder claims.
 */

import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { Tally } from './test/tally.ts';

interface World {
  name: string;
  timeoutMs: number;
  /** Projects of one turn run together, at most two files at a time; a lower turn comes first. */
  turn: number;
}

const worlds: readonly World[] = [
  { name: 'simulation', timeoutMs: 60_000, turn: 0 },
  { name: 'fuzz', timeoutMs: 600_000, turn: 0 },
  { name: 'nats', timeoutMs: 60_000, turn: 1 },
  { name: 'handlers', timeoutMs: 60_000, turn: 1 },
  { name: 'doors', timeoutMs: 60_000, turn: 1 },
  { name: 'cluster', timeoutMs: 180_000, turn: 2 },
];

/** Takes a minute and more, and runs where rounds are run: `npm run test:cluster` says a seed. */
const roundsAlone = process.env['CHAOS_SEED'] === undefined ? ['test/cluster/brokers.test.ts'] : [];

const unit = project(
  { name: 'unit', timeoutMs: 60_000, turn: 0 },
  { include: ['test/**/*.test.ts'], exclude: worlds.map((world) => `test/${world.name}/**`) },
);

function project(world: World, files: { include: string[]; exclude?: string[] }): TestProjectInlineConfiguration {
  return {
    extends: true,
    test: {
      ...files,
      ...(world.name === 'fuzz' ? { setupFiles: ['test/fuzz/seed.ts'] } : {}),
      name: world.name,
      testTimeout: world.timeoutMs,
      hookTimeout: world.timeoutMs,
      maxWorkers: 2,
      sequence: { groupOrder: world.turn },
    },
  };
}

export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    retry: 0,
    teardownTimeout: 20_000,
    maxWorkers: 2,
    passWithNoTests: false,
    // A command is a process, and takes a second on a busy machine: who waits for what it says waits for several.
    expect: { requireAssertions: true, poll: { timeout: 20_000 } },
    restoreMocks: true,
    unstubEnvs: true,
    reporters: ['default', new Tally({ inCi: Boolean(process.env['CI']) })],
    projects: [
      unit,
      ...worlds.map((world) => project(world, { include: [`test/${world.name}/**/*.test.ts`], exclude: roundsAlone })),
    ],
  },
});
