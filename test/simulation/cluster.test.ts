import { expect, test } from 'vitest';
import { simulation } from './simulation.ts';

test('a job runs', () =>
  simulation({}, async (sim) => {
    const id = sim.submit('noop');
    await sim.untilSettled();
    expect(sim.job(id).state).toBe('completed');
  }));
