/** Names on the wire: two clusters on one broker never meet. */

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { expect, test } from 'vitest';
import { type Names, names, readKey } from '../../nats/names.ts';
import { streamPlans } from '../../nats/stream-plan.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { testBroker } from './broker.ts';

/** Prefixes that look as if they could be mistaken for one another. */
const prefixes = ['yard', 'yard_submit', 'yar', 'submit', 'tenant', 'kv', 'yard_jobs'];

/** Subjects that a cluster publishes on or listens to. */
function subjectsOf(of: Names): readonly string[] {
  const [tenant, type, id, incarnation] = ['submit', 'submit', 'job-1', 'w1'];
  const key = `${tenant}.${id}`;
  return [
    ...[of.submit(type), of.tenantSubmit(tenant, type), of.rejected, of.ack('ref'), of.desk('jobs')],
    ...[of.jobSubject(key), of.jobSubject('_leader'), of.controlSubject('type.submit'), of.feed],
    ...[of.work(incarnation), of.pulse(incarnation), of.notice(incarnation, 'look')],
    ...[of.event({ tenant, type, state: 'queued', id }), of.progress(key), of.log(key)],
    ...[of.blobChunks('x'), of.blobInfo('picture/0')],
  ];
}

/** Whether a subscription on `pattern` hears `subject`, as the broker decides it. */
function hears(pattern: string, subject: string): boolean {
  const tokens = subject.split('.');
  const wanted = pattern.split('.');
  if (wanted.at(-1) === '>') return tokens.length >= wanted.length && startsWith(tokens, wanted.slice(0, -1));
  return tokens.length === wanted.length && startsWith(tokens, wanted);
}

function startsWith(tokens: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((token, at) => token === '*' || token === tokens[at]);
}

test('no name of one prefix is a name of another', () => {
  for (const one of prefixes)
    for (const other of prefixes.filter((each) => each !== one)) {
      const [mine, theirs] = [streamPlans(names(one), { replicas: 1 }), streamPlans(names(other), { replicas: 1 })];
      expect(theirs.map(({ name }) => name)).not.toEqual(expect.arrayContaining([mine[0]?.name]));
      const streams = new Set(mine.map(({ name }) => name));
      expect(theirs.filter(({ name }) => streams.has(name))).toEqual([]);
      const captured = subjectsOf(names(other)).filter((subject) =>
        mine.some(({ must }) => must.subjects.some((pattern) => hears(pattern, subject))),
      );
      expect(captured).toEqual([]);
    }
});

test('each subject is captured by the one stream that it is for', () => {
  const yard = names('yard');
  const capturing = (subject: string) =>
    streamPlans(yard, { replicas: 1 })
      .filter(({ must }) => must.subjects.some((pattern) => hears(pattern, subject)))
      .map(({ name }) => name);
  expect(capturing('yard.submit.transcode')).toEqual(['yard_submit']);
  expect(capturing('yard.tenant.acme.submit.transcode')).toEqual(['yard_submit']);
  expect(capturing('$KV.yard_jobs.default.a')).toEqual(['KV_yard_jobs']);
  expect(capturing('yard.log.default.a')).toEqual(['yard_logs']);
  expect(capturing('yard.work.w1')).toEqual(['yard_work']);
  expect(capturing('yard.rejected')).toEqual(['yard_rejected']);
  for (const subject of [
    yard.feed,
    yard.controlNews('queue.live'),
    yard.pulse('w1'),
    yard.progress('default.a'),
    yard.desk('jobs'),
  ])
    expect(capturing(subject)).toEqual([]);
});

test('what names build they read back', () => {
  const yard = names('yard');
  expect(yard.readSubmit(yard.submit('transcode'))).toEqual({ tenant: 'default', type: 'transcode' });
  expect(yard.readSubmit(yard.tenantSubmit('acme', 'script'))).toEqual({ tenant: 'acme', type: 'script' });
  expect(yard.readSubmit('yard.submit.script.live')).toEqual({ tenant: 'default', type: 'script.live' });
  expect(yard.readSubmit('other.submit.script')).toBeUndefined();
  expect(yard.readSubmit('yard.tenant.acme.script')).toBeUndefined();
  expect(yard.keyOfSubject(yard.jobSubject('acme.7'))).toBe('acme.7');
  expect(yard.keyOfSubject('yard.feed.acme.7')).toBe('acme.7');
  expect(yard.keyOfSubject('yard.log.acme.7')).toBeUndefined();
  expect(yard.keyOfProgress(yard.progress('acme.7'))).toBe('acme.7');
  expect(readKey('acme.7')).toEqual({ tenant: 'acme', id: '7' });
  expect(yard.eventsOf('acme.7')).toBe('yard.event.acme.*.*.7');
});

test.each(['', 'Yard', '9yard', 'yard.a', 'yard-a', 'y'.repeat(32), 'yard *'])('`%s` is no prefix', (prefix) => {
  expect(() => names(prefix)).toThrow(expect.objectContaining({ code: 'option.invalid' }));
});

test.each(['', 'a.b', 'a b', '*', '>', 'a\n'])('`%s` is no job type of a subject', (type) => {
  expect(() => names().submit(type)).toThrow(expect.objectContaining({ code: 'input.invalid' }));
});

test('two clusters on one broker never meet', async () => {
  await using broker = await testBroker();
  const connection = await broker.connect();
  const clock = new SystemClock();
  const [one, other] = [names('yard'), names('yard_submit')];
  await ensureTopology({ connection, names: one, clock });
  await ensureTopology({ connection, names: other, clock });
  const js = jetstream(connection);
  const stored = [one.submit('a'), one.jobSubject('default.a'), one.log('default.a'), one.work('w'), one.rejected];
  for (const subject of stored) await js.publish(subject, 'x');
  const { streams } = await jetstreamManager(connection);
  const count = async (name: string) => (await streams.info(name)).state.messages;
  expect(await Promise.all(Object.values(other.streams).map(count))).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  expect(await count(one.streams.submit)).toBe(1);
  expect(await (await new Kvm(connection).open(other.buckets.jobs)).get('default.a')).toBeNull();
});
