/** A master that may not do what it must: it says what the broker refuses, waits, and leaves in order. */

import { expect, test } from 'vitest';
import { startMaster } from '../../cluster/master.ts';
import { readSettings } from '../../cluster/settings.ts';
import { names } from '../../nats/names.ts';
import { Meter } from '../../runtime/telemetry/meter.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { testBroker } from '../nats/broker.ts';

test('a master that may not write into the bucket of jobs says so, and stops when it is asked to', async () => {
  const { allJobs } = names();
  const users = [
    { user: 'admin', password: 'a' },
    { user: 'weak', password: 'b', permissions: { publish: { deny: [allJobs] } } },
  ];
  await using broker = await testBroker({ settings: { authorization: { users } } });
  const [strong, weak] = ['admin', 'weak'].map((user, at) =>
    readSettings({ flags: { nats: broker.url, user, password: 'ab'[at] }, env: {}, directory: '.' }, 'master'),
  );
  if (strong === undefined || weak === undefined) throw new Error('Expected two users.');
  const telemetry = createTelemetry();
  const refused = next(telemetry, 'process.failed');
  const meter = new Meter({ telemetry, role: 'master', read: () => [] });
  const outcasts = await startMaster({ options: weak, telemetry });
  expect((await refused).error).toContain(allJobs.replace('>', '_leader'));
  expect((await meter.text()).text).toMatch(/^yard_process_failures_total [1-9]/m);
  const strongTelemetry = createTelemetry();
  const elected = next(strongTelemetry, 'leader.elected');
  const chief = await startMaster({ options: strong, telemetry: strongTelemetry });
  await elected;
  await outcasts.stop();
  await chief.stop();
});
