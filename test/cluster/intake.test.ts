/** What becomes of a submission, good or bad, first or repeated, whether or not a master is there. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Rejection, SubmitAck } from '../../runtime/ports.ts';
import { type Cluster, cluster } from './harness.ts';
import type { Headers } from './user.ts';

let yard: Cluster;

beforeAll(async () => {
  yard = await cluster();
});
afterEach(() => yard.expectSound());
afterAll(() => yard[Symbol.asyncDispose]());

/** What was told to the submitter of something that is refused, and what was put aside. */
async function refused(type: string, body: string, headers: Headers = {}): Promise<{ told: string; kept: Rejection }> {
  const ack = await yard.user.submit(type, body, headers);
  const { sequence } = yard.user.submitted.find(({ ref }) => ref === ack.ref) ?? {};
  const kept = (await yard.user.rejections()).filter((rejection) => rejection.sequence === sequence);
  expect(ack).toHaveProperty('rejected');
  expect(kept).toHaveLength(1);
  const [only] = kept;
  if (!('rejected' in ack) || only === undefined) throw new Error('unreachable');
  expect(only.reason).toBe(ack.rejected);
  return { told: ack.rejected, kept: only };
}

describe('a submission is put aside, with a sentence for its submitter, when', () => {
  test.each<{ what: string; type?: string; body?: string; headers?: Headers; sentence: RegExp }>([
    { what: 'it is not JSON', body: '{"a":', sentence: /^Expected JSON, got `\{"a":` \(.+\)\. Send a JSON object\.$/ },
    { what: 'it is an array', body: '[1]', sentence: /^Expected a JSON object as the payload, got an array\. Wrap it/ },
    { what: 'it is a number', body: '7', sentence: /^Expected a JSON object as the payload, got a number\./ },
    {
      what: 'nobody knows its type',
      type: 'nop',
      sentence: /^Expected a job type that this cluster knows, got `nop`\. Did you mean noop\?$/,
    },
    {
      what: 'its subject says more than a type',
      type: 'noop.live',
      sentence: /^Expected a job type that this cluster knows, got `noop\.live`\. /,
    },
    {
      what: 'nobody knows a header',
      headers: { Priorty: 'high' },
      sentence: /^Expected a known header, got `priorty`\. Did you mean `Priority`\?$/,
    },
    {
      what: 'a header has a wrong value',
      headers: { Priority: 'urgent' },
      sentence: /^Expected `Priority` to be critical, high, medium or low, got `urgent`\. Write/,
    },
    { what: 'a header has no value', headers: { Timeout: ' ' }, sentence: /^Expected `Timeout` to be a duration/ },
    { what: 'a backoff is none', headers: { Backoff: 'sometimes' }, sentence: /^Expected `Backoff` to be exponential/ },
    {
      what: 'an attempt shall not be made',
      headers: { 'Max-Attempts': '0' },
      sentence: /^Expected `Max-Attempts` to be a whole number/,
    },
    { what: 'its queue has no name', headers: { Queue: 'Über' }, sentence: /^Expected a queue of a lower-case letter/ },
    {
      what: 'its payload has a field that its type does not know',
      body: '{"excutionTimeMs":1}',
      sentence: /^Expected a payload of type noop, got another\. .*excutionTimeMs/,
    },
    {
      what: 'a field of its payload is wrong',
      body: '{"executionTimeMs":-1}',
      sentence: /^Expected a payload of type noop, got another\. At `executionTimeMs`:/,
    },
    {
      what: 'its id is none',
      headers: { 'Job-Id': '_me' },
      sentence: /^Expected a job id of 1 to 64 letters, digits, .* got `_me`\. Choose another id\.$/,
    },
    {
      what: 'its id is too long',
      headers: { 'Job-Id': 'x'.repeat(65) },
      sentence: /^Expected a job id of 1 to 64 letters/,
    },
    {
      what: 'its envelope has an unknown option',
      body: '{"payload":{},"options":{"prority":"high"}}',
      sentence: /^Expected a known option, got `prority`\. Did you mean `priority`\?$/,
    },
    {
      what: 'the options of its envelope are none',
      body: '{"payload":{},"options":[]}',
      sentence: /^Expected `options` of the envelope to be an object, got an array\./,
    },
  ])('$what', async ({ type = 'noop', body = '{}', headers = {}, sentence }) => {
    const { told, kept } = await refused(type, body, headers);
    expect(told).toMatch(sentence);
    expect(kept.body).toBe(body.slice(0, 2_000));
    expect(kept.subject).toContain(type);
  });

  test('its id belongs to a job with other content', async () => {
    const id = await yard.user.pub('noop', {}, { 'Job-Id': 'taken' });
    await yard.user.waitUntil(id, 'completed');
    const { told } = await refused('noop', '{"executionTimeMs":1}', { 'Job-Id': 'taken' });
    expect(told).toMatch(/^Expected a new job or a repeat of job taken, got other content under the same id \(409\)\./);
  });
});

describe('a submission', () => {
  test('in an envelope says the same as one with headers', async () => {
    const options = { id: 'wrapped', priority: 'high', queue: 'live', tags: ['a', 'b'], maxAttempts: 2, timeout: '5s' };
    await yard.user.submit('noop', JSON.stringify({ payload: { executionTimeMs: 1 }, options }));
    const headers = { Priority: 'high', Queue: 'live', Tags: 'a,b', 'Max-Attempts': '2', Timeout: '5s' };
    const id = await yard.user.pub('noop', { executionTimeMs: 1 }, headers);
    const [wrapped, plain] = await yard.user.settled(['wrapped', id]);
    for (const record of [wrapped, plain])
      expect(record).toMatchObject({
        ...{ state: 'completed', priority: 'high', queue: 'live', tags: ['a', 'b'], timeoutMs: 5_000 },
        ...{ payload: { executionTimeMs: 1 }, context: { maxAttempts: 2 } },
      });
  });

  test('without a body is one with an empty payload', async () => {
    expect(await yard.user.submit('noop', '', { 'Job-Id': 'empty' })).toMatchObject({ id: 'empty', state: 'pending' });
    expect(await yard.user.waitUntil('empty', 'completed')).toMatchObject({ payload: {} });
  });

  test.each([
    ['Job-Id', 'same-id'],
    ['Idempotency-Key', 'order 4711'],
  ])('that is repeated under the same %s is the same job', async (header, value) => {
    const repeats = Array.from({ length: 5 }, () => yard.user.submit('mark', '{"ms":10}', { [header]: value }));
    const acks = await Promise.all(repeats);
    const ids = new Set(acks.map(idIn));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;
    const record = await yard.user.waitUntil(id, 'completed');
    expect(record.attempts).toHaveLength(1);
    expect(idIn(await yard.user.submit('mark', '{"ms":10}', { [header]: value }))).toBe(id);
    expect((await yard.effects.all()).filter(({ job, what }) => job === id && what === 'begins')).toHaveLength(1);
  });

  test('that is repeated with its headers and fields in another order is the same job', async () => {
    const first = await yard.user.submit('mark', '{"ms":10,"everyMs":9}', {
      'Job-Id': 'turned',
      Queue: 'live',
      Name: 'n',
    });
    const again = await yard.user.submit('mark', '{"everyMs":9,"ms":10}', {
      Name: 'n',
      Queue: 'live',
      'Job-Id': 'turned',
    });
    expect([idIn(first), idIn(again)]).toEqual(['turned', 'turned']);
  });

  test('of another tenant is a job of that tenant, beside one of the same id', async () => {
    const { names } = yard.user;
    await yard.user.pub('noop', {}, { 'Job-Id': 'both' });
    await yard.user.publishOn(names.tenantSubmit('acme', 'noop'), '{}', { 'Job-Id': 'both' });
    const theirs = await yard.user.until(() => yard.user.find('both', 'acme'), 'a job of tenant acme');
    expect(theirs).toMatchObject({ id: 'both', tenant: 'acme' });
    expect(await yard.user.waitUntil('both', 'completed')).toMatchObject({ tenant: 'default' });
  });
});

function idIn(ack: SubmitAck): string {
  return 'id' in ack ? ack.id : ack.rejected;
}

test('what is submitted while no master runs is taken in when one comes', async () => {
  const [master] = yard.processes.filter(({ role }) => role === 'master');
  if (master !== undefined) await yard.stop(master);
  const ids: string[] = [];
  for (let count = 0; count < 20; count++) ids.push(await yard.user.pub('mark'));
  const bad = yard.user.submit('mark', 'bad');
  expect(await yard.user.find(ids[0] ?? '')).toBeUndefined();
  await yard.start('master');
  const records = await yard.user.settled(ids);
  expect(records.every(({ state }) => state === 'completed')).toBe(true);
  expect(await bad).toHaveProperty('rejected');
});
