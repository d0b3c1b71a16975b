/** Whoever may not write jobs hears so at once, by code and by command, from a broker that holds the lock. */

import { expect, test } from 'vitest';
import { startMaster } from '../../cluster/master.ts';
import { readSettings } from '../../cluster/settings.ts';
import { names } from '../../nats/names.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { connect } from '../../sdk/index.ts';
import { scratch, testBroker } from '../nats/broker.ts';
import { Shell } from './command.ts';

test('a write that the broker does not allow is refused as such, and not waited out', async () => {
  const named = names();
  const weak = (...deny: string[]) => ({ password: 'pw', permissions: { publish: { deny } } });
  const users = [
    { user: 'admin', password: 'pw' },
    { user: 'reader', ...weak(named.allJobs) },
    { user: 'halfway', ...weak(named.jobSubject('_unique.>')) },
  ];
  await using broker = await testBroker({ settings: { authorization: { users } } });
  const as = (user: string) => ({ servers: broker.url, user, password: 'pw' });
  await using folder = await scratch();
  const flags = { nats: broker.url, user: 'admin', password: 'pw' };
  const telemetry = createTelemetry();
  const elected = next(telemetry, 'leader.elected');
  const options = readSettings({ flags, env: {}, directory: folder.path }, 'master');
  const master = await startMaster({ options, telemetry });
  await elected;
  await using admin = await connect(as('admin'));
  const held = await admin.submit('noop', {}, { hold: true });

  await using reader = await connect(as('reader'));
  const refused = { code: 'broker.unauthorized', message: expect.stringContaining('`$KV.yard_jobs.default.') };
  await expect(reader.submit('noop', {})).rejects.toMatchObject(refused);
  await expect(reader.cancel(held.id)).rejects.toMatchObject(refused);
  await expect(reader.submitMany([{ type: 'noop' }, { type: 'noop' }])).rejects.toMatchObject(refused);
  await expect(reader.schedules.add('nightly', { cron: '0 2 * * *', type: 'noop' })).rejects.toMatchObject({
    code: 'broker.unauthorized',
  });
  expect(await reader.job(held.id)).toMatchObject({ state: 'held' });

  await using halfway = await connect(as('halfway'));
  await expect(halfway.submit('noop', {}, { uniqueKey: 'one' })).rejects.toMatchObject({
    code: 'broker.unauthorized',
    message: expect.stringContaining('_unique'),
  });
  const allowed = await halfway.submit('noop', {}, { hold: true });
  expect(allowed.created).toBe(true);

  await using shell = new Shell(folder.path, { NATS_URL: broker.url });
  const { code, talk } = await shell.yard('submit', 'noop', '{}', '--user', 'reader', '--password', 'pw');
  expect(code).not.toBe(0);
  expect(talk).toContain('the broker does not give it to this user');
  await master.stop();
});
