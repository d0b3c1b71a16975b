/**
 * Processes of two versions side by side. The newer one is played by what it would leave in the bucket: records, each
 * with its head, of a version or a state that the real processes here do not know.
 */

import { headers as newHeaders } from 'nats';
import { expect, test } from 'vitest';
import { names } from '../../nats/names.ts';
import { headBody } from '../../runtime/head.ts';
import { type JobRecord, jobKey } from '../../runtime/record.ts';
import { plainJob } from '../actors/stage.ts';
import { type Cluster, cluster } from './harness.ts';

/** Writes a record as a newer version would; `more` is what is new about its body and its head. */
async function writeAsNewer(yard: Cluster, record: JobRecord, more: Record<string, unknown>): Promise<void> {
  const connection = await yard.broker.connect();
  const headers = newHeaders();
  headers.set('Yard-Head', JSON.stringify({ ...headBody(record), ...more }));
  const body = JSON.stringify({ ...record, ...more });
  await connection.request(names().jobSubject(jobKey(record)), body, { headers, timeout: 5_000 });
}

test('a master that lacks a state that jobs are in does not stand, says which, and the others go on', async () => {
  await using yard = await cluster({ masters: 1, workers: 1 });
  await writeAsNewer(yard, plainJob('a'), { state: 'parked' });
  await writeAsNewer(yard, plainJob('b'), { state: 'parked' });
  await yard.start('master').catch(() => undefined);
  const second = yard.processes.at(-1);
  await yard.user.until(async () => second?.how, 'the second master to end');
  expect(second?.how).toBe('exit code 1');
  expect(second?.lastLines).toContain('found 2 in `parked`');
  await yard.user.waitUntil(await yard.user.pub('noop'), 'completed');
});
