/** What becomes of a process when an error is thrown that nobody catches. */

import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { connect } from '../../sdk/index.ts';
import { scratch, testBroker } from '../nats/broker.ts';
import { TestCluster } from './cluster.ts';
import { Shell } from './command.ts';

const handlers = fileURLToPath(new URL('stray.ts', import.meta.url));

test('a worker outlives a promise that a handler let go of, and ends, told, where something was thrown past everybody: what ran is lost with it', async () => {
  await using cluster = new TestCluster(await testBroker());
  await cluster.master();
  await using folder = await scratch();
  await using shell = new Shell(folder.path, { YARD_NATS: cluster.broker.url });
  const words = ['worker', '--handlers', handlers, '--types', 'stray,throws,calm'];
  const worker = shell.start(...words);
  await worker.says('worker.started');
  await using yard = await connect({ servers: cluster.broker.url });
  expect(await (await yard.submit('stray')).result({ timeoutMs: 20_000 })).toBe('done');
  await worker.says('let go');
  expect(await (await yard.submit('calm')).result({ timeoutMs: 20_000 })).toBe('done');
  const { id } = await yard.submit('throws', {}, { id: 'past-all', maxAttempts: 1 });
  const { code, talk, out } = await worker.ended;
  expect(code).toBe(1);
  expect(`${out}${talk}`).toMatch(/process\.failed.*something that nobody caught failed: Error: out of reach/);
  const settled = await yard.settled(id, { timeoutMs: 30_000 });
  expect(settled).toMatchObject({ state: 'failed', attempts: [{ outcome: 'lost' }] });
});

test('who runs no handlers tells it too, and leaves in order, with exit code 1', async () => {
  await using folder = await scratch();
  await using shell = new Shell(folder.path, {});
  const ran = await shell.node(fileURLToPath(new URL('broken.ts', import.meta.url)));
  expect(ran).toMatchObject({ code: 1, out: 'told: Error: a bug\nstopped in order\n' });
});
