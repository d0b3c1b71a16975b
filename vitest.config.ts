/**
 * The test projects, one a kind of world: `unit` and `simulation` need nothing, `nats`, `doors` and a part of `fuzz` a real broker,
 * `handlers` real tools, `cluster` real processes. Nothing is ever tried again. Two files run at once, and three where tests wait for
 * others most of the time.
 *
 * Every `*.test.ts` belongs to exactly one project: `unit` takes what no other folder claims.
 */

import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { Tally } from './test/tally.ts';

interface World {
  name: string;
  timeoutMs: number;
  /** Projects of one turn run together, so many files at a time; a lower turn comes first. */
  turn: number;
  files: number;
}

const worlds: readonly World[] = [
  { name: 'simulation', timeoutMs: 60_000, turn: 0, files: 2 },
  { name: 'fuzz', timeoutMs: 600_000, turn: 0, files: 2 },
  { name: 'nats', timeoutMs: 60_000, turn: 1, files: 3 },
  { name: 'handlers', timeoutMs: 60_000, turn: 1, files: 3 },
  { name: 'doors', timeoutMs: 60_000, turn: 1, files: 3 },
  { name: 'cluster', timeoutMs: 180_000, turn: 2, files: 3 },
];

/** Takes a minute and more, and runs where rounds are run: `npm run test:cluster` says a seed. */
const roundsAlone = process.env['CHAOS_SEED'] === undefined ? ['test/cluster/brokers.test.ts'] : [];

const unit = project(
  { name: 'unit', timeoutMs: 60_000, turn: 0, files: 2 },
  { include: ['test/**/*.test.ts'], exclude: worlds.map((world) => `test/${world.name}/**`) },
);

function project(world: World, files: { include: string[]; exclude?: string[] }): TestProjectInlineConfiguration {
  return {
    extends: true,
    test: {
      ...files,
      // A process for each of a hundred small files would take longer than what is in them.
      isolate: world.name !== 'unit',
      ...(world.name === 'fuzz' ? { setupFiles: ['test/fuzz/seed.ts'] } : {}),
      name: world.name,
      testTimeout: world.timeoutMs,
      hookTimeout: world.timeoutMs,
      maxWorkers: world.files,
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
    maxWorkers: 3,
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
