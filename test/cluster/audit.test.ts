/** What was spoilt by hand while a real cluster runs: what the leader puts right, and what an audit tells of. */

import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { type NatsConnection, headers as newHeaders } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeEntry } from '../../nats/codec.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { connect } from '../../sdk/connect.ts';
import type { AuditReport } from '../../sdk/index.ts';
import type { Yard } from '../../sdk/yard.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
let connection: NatsConnection;
let sdk: Yard;

beforeAll(async () => {
  yard = await cluster({ workers: 1, flags: { schedulerInterval: '300ms', lookAhead: 0 } });
  connection = await yard.broker.connect();
  sdk = await connect({ servers: yard.broker.url });
});
afterAll(async () => {
  await sdk?.close();
  await yard?.[Symbol.asyncDispose]();
});

const keyOf = (id: string) => `default.${id}`;
const subjectOf = (key: string) => yard.user.names.jobSubject(key);

/** As `nats kv put` does: a body and nothing beside it. */
async function put(key: string, body: unknown): Promise<void> {
  const bucket = await new Kvm(connection).open(yard.user.names.buckets.jobs);
  await bucket.put(key, typeof body === 'string' ? body : JSON.stringify(body));
}

/** Writes a record as our processes do, with the head that belongs to it, or to another one. */
async function write(record: JobRecord, head: JobRecord = record, ttl?: string): Promise<void> {
  const key = keyOf(record.id);
  const { lines } = encodeEntry({ key, expected: 0, record: head });
  const headers = newHeaders();
  for (const line of lines.split('\r\n').filter(Boolean)) {
    const [name = '', ...value] = line.split(': ');
    headers.set(name, value.join(': '));
  }
  if (ttl !== undefined) headers.set('Nats-TTL', ttl);
  await jetstream(connection).publish(subjectOf(key), JSON.stringify(record), { headers });
}

/** A record, whatever it says of the writes by which its transitions were stored. */
function withoutPlaces(record: JobRecord): JobRecord {
  return { ...record, transitions: record.transitions.map(({ revision: _, ...transition }) => transition) };
}

/** What the leader has repaired, or has found and cannot repair. */
function told(event: 'auditor.repaired' | 'auditor.found', key: string): string[] {
  return yard.processes
    .flatMap((process) => process.told)
    .filter((each) => each.event === event && each['key'] === key)
    .map((each) => String(each['what']));
}

describe('the ledger', () => {
  test('agrees while jobs of every door and every fate come and go', async () => {
    const { user } = yard;
    const ids = await Promise.all(Array.from({ length: 20 }, () => user.pub('noop', { executionTimeMs: 20 })));
    await user.pub('noop', {}, { Delay: '1h' });
    await user.submit('noop', '{"executionTimeMs":1}', { 'Idempotency-Key': 'twice' });
    await user.submit('noop', '{"executionTimeMs":1}', { 'Idempotency-Key': 'twice' });
    await user.submit('nothing-of-ours', '{}');
    await sdk.submit('noop', {});
    const during = await sdk.audit();
    expect(during.discrepancies).toEqual([]);
    await user.settled(ids);
    await user.until(
      async () => ((await sdk.audit()).submissions.waiting === 0 ? true : undefined),
      'all to be taken in',
    );
    const { submissions, jobs, agrees, lease } = await sdk.audit();
    expect(agrees).toBe(true);
    expect(submissions).toMatchObject({ submitted: 24, open: 1, rejected: 1, repeats: 1, missing: 0, expired: 0 });
    expect(submissions.settled + submissions.open + submissions.rejected + submissions.repeats).toBe(24);
    expect(jobs).toMatchObject({ total: 23, fromSubmissions: 22, direct: 1, fromOlder: 0, unreadable: 0 });
    expect(lease?.name).toBe((await yard.leader()).name);
  });
});

test('an audit finds nothing wrong with a cluster that is hard at work', async () => {
  const { user } = yard;
  const submitted = Promise.all(Array.from({ length: 300 }, () => user.pub('noop', { executionTimeMs: 3 })));
  const audits: AuditReport[] = [];
  for (let n = 0; n < 8; n++) audits.push(await sdk.audit());
  await user.settled(await submitted);
  audits.push(await sdk.audit());
  expect(audits.flatMap(({ discrepancies }) => discrepancies)).toEqual([]);
});

/** A job that waits until it is released, so that nobody runs it meanwhile. */
async function held(): Promise<JobRecord> {
  return yard.user.waitUntil(await yard.user.pub('mark', {}, { Hold: 'true' }), 'held');
}

/** A job whose moment comes in an hour. */
async function scheduled(): Promise<JobRecord> {
  return yard.user.waitUntil(await yard.user.pub('mark', {}, { Delay: '1h' }), 'scheduled');
}

/** The same record with another context. */
function withContext(record: JobRecord, context: Partial<JobRecord['context']>): JobRecord {
  return { ...record, context: { ...record.context, ...context } };
}

/** As if it had been born to wait for others. */
function blocked(record: JobRecord): JobRecord {
  const transitions = record.transitions.map((each) => ({ ...each, to: 'blocked' as const }));
  return { ...withContext(record, { held: undefined }), state: 'blocked', transitions };
}

/** Resolves when the leader has told that it repaired this. */
async function repaired(id: string, what: string): Promise<void> {
  await yard.user.until(
    async () => told('auditor.repaired', keyOf(id)).includes(what) || undefined,
    `${what} of ${id} to be repaired`,
  );
}

/** What an audit says of a job. */
async function discrepancies(of: string): Promise<string[]> {
  return (await sdk.audit()).discrepancies.filter((each) => each.of === of).map(({ what }) => what);
}

describe('a record that was edited by hand is put right, and counted', () => {
  test('active without a worker: its attempt is lost, and it runs again', async () => {
    const id = await yard.user.pub('mark', { ms: 60_000, laterMs: 1 }, { Labels: 'the=one', Backoff: 'fixed(1ms)' });
    const worker = await yard.start('worker', { labels: 'the=one' });
    const running = await yard.user.waitUntil(id, 'processing');
    await write(withContext(running, { worker: undefined }));
    await repaired(id, 'active without a worker');
    const record = await yard.user.waitUntil(id, 'completed');
    expect(record.attempts.map(({ outcome }) => outcome)).toEqual(['lost', 'completed']);
    await yard.stop(worker);
  });

  test('waiting, and naming a worker: it names none', async () => {
    const record = await held();
    await write(withContext(record, { worker: 'nobody', cancelAt: 1 }));
    await repaired(record.id, 'worker without a claim');
    expect(withoutPlaces(await yard.user.record(record.id))).toEqual(withoutPlaces(record));
  });

  test('scheduled for no moment: it is due now', async () => {
    const record = await scheduled();
    await write(withContext(record, { dueAt: undefined }));
    await repaired(record.id, 'waits for no moment');
    const { transitions } = await yard.user.waitUntil(record.id, 'completed');
    expect(transitions[1]).toMatchObject({ event: 'job.due', from: 'scheduled', to: 'pending' });
  });

  test('blocked by no job: it is ready', async () => {
    const record = blocked(await held());
    await write(record);
    await repaired(record.id, 'waits for no job');
    const { transitions } = await yard.user.waitUntil(record.id, 'completed');
    expect(transitions[1]).toMatchObject({ event: 'job.unblocked', from: 'blocked', to: 'pending' });
  });

  test('held by nobody: it stays held, and can be told so', async () => {
    const record = await held();
    await write(withContext(record, { held: undefined }));
    await repaired(record.id, 'held by nobody');
    expect(withoutPlaces(await yard.user.record(record.id))).toEqual(withoutPlaces(record));
  });

  test('open, with a moment of settling: it has none', async () => {
    const record = await held();
    await write({ ...record, settledAt: 1 });
    await repaired(record.id, 'settled and open');
    expect(withoutPlaces(await yard.user.record(record.id))).toEqual(withoutPlaces(record));
  });

  test('settled at no moment, and for ever: it is settled since its last transition, and expires', async () => {
    const record = await yard.user.waitUntil(await yard.user.pub('mark'), 'completed');
    const { settledAt: _, ...without } = record;
    await put(keyOf(record.id), without);
    await repaired(record.id, 'settled at no moment');
    expect(withoutPlaces(await yard.user.record(record.id))).toEqual(withoutPlaces(record));
    expect(await discrepancies(keyOf(record.id))).toEqual([]);
  });

  test('settled, and kept for ever: it expires, as all others do', async () => {
    const record = await yard.user.waitUntil(await yard.user.pub('mark'), 'completed');
    await write(record);
    await repaired(record.id, 'kept for the wrong time');
    expect(withoutPlaces(await yard.user.record(record.id))).toEqual(withoutPlaces(record));
    expect(await discrepancies(keyOf(record.id))).toEqual([]);
  });

  test('open, and kept only for a while: it stays', async () => {
    const record = await held();
    await write(record, record, '1h');
    await repaired(record.id, 'kept for the wrong time');
    expect(withoutPlaces(await yard.user.record(record.id))).toEqual(withoutPlaces(record));
    expect(await discrepancies(keyOf(record.id))).toEqual([]);
  });

  test('with a head that says something else: followers see what the record says', async () => {
    const record = await scheduled();
    await write(withContext(record, { dueAt: 1 }), record);
    await repaired(record.id, 'head and body differ');
    expect((await yard.user.waitUntil(record.id, 'completed')).transitions[1]?.event).toBe('job.due');
  });

  test('as `nats kv put` does, with no head at all: it goes on from there', async () => {
    const record = await scheduled();
    await put(keyOf(record.id), withContext(record, { dueAt: yard.clock.now() + 10 }));
    await repaired(record.id, 'head and body differ');
    expect((await yard.user.waitUntil(record.id, 'completed')).transitions[1]?.event).toBe('job.due');
  });

  test('by a new leader too, which was not there when it happened', async () => {
    const record = await held();
    await yard.stop(await yard.leader());
    await put(keyOf(record.id), { ...record, settledAt: 1 });
    await yard.start('master');
    await repaired(record.id, 'settled and open');
    expect(withoutPlaces(await yard.user.record(record.id))).toEqual(withoutPlaces(record));
  });
});

describe('what nobody can put right', () => {
  /** Resolves when the leader has told of it. */
  async function found(key: string, what: string): Promise<void> {
    await yard.user.until(async () => told('auditor.found', key).includes(what) || undefined, `${what} of ${key}`);
  }

  test('a record that cannot be read is told of and keeps nobody from working; put back, its job goes on', async () => {
    const record = await scheduled();
    const waiting = await yard.user.waitUntil(await yard.user.pub('mark', {}, { Labels: 'no=where' }), 'queued');
    await put(keyOf(record.id), 'not even JSON');
    await put(keyOf(waiting.id), { ...waiting, version: 99 });
    await found(keyOf(record.id), 'cannot be read');
    await found(keyOf(waiting.id), 'cannot be read');
    expect(await discrepancies(keyOf(waiting.id))).toEqual(['record unreadable']);
    const other = await yard.user.pub('mark', {}, { Delay: '50ms' });
    await yard.user.waitUntil(other, 'completed');
    const listed = await Array.fromAsync(sdk.jobs({ type: 'mark' }));
    expect(listed.map(({ id }) => id)).toContain(other);
    await put(keyOf(record.id), withContext(record, { dueAt: 1 }));
    await put(keyOf(waiting.id), waiting);
    await yard.user.waitUntil(record.id, 'completed');
    await repaired(waiting.id, 'head and body differ');
    await yard.user.cancel(waiting.id);
  });

  test('a history with a hole is told of, and left as it is', async () => {
    const record = await held();
    const holed = { ...record, transitions: record.transitions.map((each) => ({ ...each, n: 7 })) };
    await write(holed);
    await found(keyOf(record.id), 'history has a hole');
    expect(await yard.user.record(record.id)).toEqual(holed);
    expect(await discrepancies(keyOf(record.id))).toEqual(['history has a hole']);
    await write(record);
  });

  test('a key that is no job, and a record under the key of another, are told of and run by nobody', async () => {
    const record = await held();
    await put('stray', 'what is this');
    await put(keyOf('somebody-else'), record);
    await found('stray', 'cannot be read');
    await found(keyOf('somebody-else'), 'under another key');
    expect(await discrepancies('stray')).toEqual(['unknown key']);
    const bucket = await new Kvm(connection).open(yard.user.names.buckets.jobs);
    await bucket.purge('stray');
    await bucket.purge(keyOf('somebody-else'));
    expect((await sdk.audit()).discrepancies).toEqual([]);
  });

  test('a record that was removed is off the board, and missing in the ledger', async () => {
    const record = await yard.user.waitUntil(await yard.user.pub('mark', {}, { Labels: 'no=where' }), 'queued');
    const bucket = await new Kvm(connection).open(yard.user.names.buckets.jobs);
    await bucket.delete(keyOf(record.id));
    await repaired(record.id, 'removed by hand');
    const { submissions, discrepancies: all } = await sdk.audit();
    expect(submissions.missing).toBe(1);
    expect(all).toMatchObject([{ what: 'submission without a job', met: `${keyOf(record.id)} is removed` }]);
    expect(await yard.user.why(record.id)).toBeUndefined();
  });
});
