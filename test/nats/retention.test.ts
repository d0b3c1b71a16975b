/** How long the broker keeps a record: by the state in which its job settled, and for ever once it is open again. */

import { expect, test } from 'vitest';
import { names } from '../../nats/names.ts';
import { NatsStore } from '../../nats/store.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { type JobRecord, jobKey } from '../../runtime/record.ts';
import { moved, newJob } from '../ports.contract.ts';
import { testBroker } from './broker.ts';

const at = 1_700_000_001_000;
const error = { kind: 'expired', message: 'too late' } as const;

test('a settled job is kept as long as its state is, and one that was redriven for ever', async () => {
  await using broker = await testBroker();
  const [connection, clock, yard] = [await broker.connect(), new SystemClock(), names()];
  await ensureTopology({ connection, names: yard, clock });
  const retentionByState = { failed: 1_000 };
  const store = await NatsStore.open({ connection, names: yard, clock, retentionMs: 60_000, retentionByState });
  const cancelled = moved(newJob('cancelled'), { type: 'job.cancel', at });
  const failed = moved(newJob('failed'), { type: 'job.expired', at, error });
  const redriven = moved(newJob('redriven'), { type: 'job.expired', at, error });
  const write = async (record: JobRecord, expected = 0) => {
    const outcome = await store.write([{ key: jobKey(record), expected, record }]);
    return outcome.kind === 'accepted' ? outcome.revisions : [];
  };
  const [revision] = await write(redriven);
  await write(cancelled);
  await write(failed);
  await write(moved(redriven, { type: 'job.redrive', at }), revision);
  while ((await store.read('default.failed')) !== undefined);
  expect((await store.read('default.cancelled'))?.record.state).toBe('cancelled');
  expect((await store.read('default.redriven'))?.record.state).toBe('pending');
});
