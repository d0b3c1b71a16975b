/**
 * `npm run test:soak`: simulation over many seeds, then the tests with real processes over and over, until one fails
 * or the rounds are done. `SOAK_ROUNDS` (5) and `SIMULATION_SEEDS` (500) say how long.
 */

import { spawnSync } from 'node:child_process';

const rounds = Number(process.env['SOAK_ROUNDS'] ?? 5);
const seeds = process.env['SIMULATION_SEEDS'] ?? '500';

function vitest(project: string, env: Readonly<Record<string, string>> = {}): void {
  const { status } = spawnSync('vitest', ['run', '--project', project], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status !== 0) process.exit(status ?? 1);
}

vitest('simulation', { SIMULATION_SEEDS: seeds });
for (let round = 1; round <= rounds; round++) {
  process.stdout.write(`round ${round} of ${rounds}\n`);
  vitest('cluster');
}
