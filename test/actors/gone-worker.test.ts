/** What a leader goes on saying of a worker that died, and for how long. */

import { expect, test } from 'vitest';
import { Master } from '../../actors/master.ts';
import { masterSettings } from '../../cluster/master.ts';
import { masterSamples, measured } from '../../cluster/measure.ts';
import { resolveOptions } from '../../runtime/options.ts';
import { next } from '../../runtime/telemetry/telemetry.ts';
import { pulseOf, stage } from './stage.ts';

test('of a worker that died a leader says for ten minutes how long it has been silent, and then nothing; nor is it asked for metrics', async () => {
  const { clock, world, broker, telemetry } = stage();
  const settings = masterSettings(resolveOptions({ flags: {}, env: {} }, 'master'));
  const master = new Master({ world, clock, telemetry, incarnation: 'm1', name: 'm1', definitions: [], settings });
  const meter = measured({
    ...{ role: 'master', telemetry },
    samples: () => {
      const clock = { skewMs: 0, uncertaintyMs: 0 };
      const view = { ...master.standing(), clock, host: '', pid: 1, version: '', startedAt: 0 };
      return masterSamples({ view, viewLagMs: undefined, outlook: master.outlook(), dead: undefined });
    },
  });
  const elected = next(telemetry, 'leader.elected');
  await clock.until(master.start());
  await clock.until(elected);
  const ofWorker = async () =>
    (await meter.text()).text.split('\n').flatMap((line) => /^(yard_\w+)\{worker="w1"\}/.exec(line)?.[1] ?? []);
  const listed = () => (master.outlook()?.cluster.workers ?? []).map(({ name, metrics }) => ({ name, metrics }));
  const metrics = 'http://127.0.0.1:2113';
  const heart = await clock.until(broker.world().pulses.beat(pulseOf(undefined, { metrics })));
  await clock.advance(1_000);
  expect(await ofWorker()).toContain('yard_worker_slots');
  expect(listed()).toEqual([{ name: 'w1', metrics }]);
  await clock.until(heart.stop());
  const lost = next(telemetry, 'worker.lost');
  await clock.advance(5_000);
  await lost;
  expect(await ofWorker()).toEqual(['yard_worker_silent_seconds']);
  await clock.advance(9 * 60_000);
  expect(listed()).toHaveLength(1);
  await clock.advance(2 * 60_000);
  expect([await ofWorker(), listed()]).toEqual([[], []]);
  await clock.until(master.stop());
});
