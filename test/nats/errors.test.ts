/** What the broker throws, in our words. */

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { apiErrorOf, apiErrors, faultOf } from '../../nats/errors.ts';
import { Fault } from '../../runtime/faults.ts';
import { testBroker } from './broker.ts';

async function thrownBy(what: Promise<unknown>): Promise<unknown> {
  return what.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('a stale write is a conflict, a missing stream a refusal', async () => {
  await using broker = await testBroker();
  const connection = await broker.connect();
  const jsm = await jetstreamManager(connection);
  await jsm.streams.add({ name: 's', subjects: ['s.>'], allow_direct: true });
  const stale = await thrownBy(jetstream(connection).publish('s.a', '', { expect: { lastSubjectSequence: 7 } }));
  expect(apiErrorOf(stale)).toBe(apiErrors.wrongLastSequence);
  expect(faultOf(stale)).toMatchObject({ code: 'commit.conflict', retryable: false });
  const nowhere = await thrownBy(jsm.streams.info('nowhere'));
  expect(faultOf(nowhere)).toMatchObject({ code: 'broker.refused', facts: { brokerCode: apiErrors.streamMissing } });
});

test('a broker that is away may be asked again', async () => {
  await using broker = await testBroker();
  const connection = await broker.connect();
  expect(faultOf(await thrownBy(connection.request('nobody', '')))).toMatchObject({
    code: 'broker.unavailable',
    retryable: true,
  });
  connection.subscribe('silent');
  await connection.flush();
  const late = await thrownBy(connection.request('silent', '', { timeout: 50 }));
  expect(faultOf(late)).toMatchObject({ code: 'broker.unavailable', retryable: true });
  const waiting = thrownBy(connection.request('silent', '', { timeout: 5_000 }));
  await connection.close();
  expect(faultOf(await waiting)).toMatchObject({ code: 'broker.unavailable' });
  expect(faultOf(await thrownBy(connection.flush()))).toMatchObject({ code: 'broker.unavailable' });
});

test('a read of many that no broker serves may be asked again', async () => {
  await using broker = await testBroker();
  const { direct } = await jetstreamManager(await broker.connect());
  const read = async () => {
    for await (const _ of await direct.getLastMessagesFor('without_leader', { multi_last: ['s.>'] }));
  };
  expect(faultOf(await thrownBy(read()))).toMatchObject({ code: 'broker.unavailable', retryable: true });
});

test('a message that is too large is the sender’s to make smaller', async () => {
  await using broker = await testBroker();
  const connection = await broker.connect();
  const large = await thrownBy(jetstream(connection).publish('s.a', new Uint8Array(1_048_577)));
  expect(faultOf(large)).toMatchObject({ code: 'input.invalid', message: expect.stringContaining('max_payload') });
});

test('a subject that the user may not use is named', async () => {
  const permissions = { publish: ['allowed'], subscribe: ['_INBOX.>'] };
  await using broker = await testBroker({
    settings: { authorization: { users: [{ user: 'a', password: 'b', permissions }] } },
  });
  const connection = await broker.connect({ user: 'a', password: 'b' });
  const denied = await thrownBy(connection.request('yard.secret', ''));
  expect(faultOf(denied)).toMatchObject({
    code: 'broker.unauthorized',
    message: expect.stringContaining('`yard.secret`'),
  });
});

test('an account without JetStream is told to get it', async () => {
  const accounts = { without: { users: [{ user: 'a', password: 'b' }] } };
  await using broker = await testBroker({ settings: { accounts } });
  const connection = await broker.connect({ user: 'a', password: 'b' });
  const jsm = await jetstreamManager(connection, { checkAPI: false });
  const fault = faultOf(await thrownBy(jsm.getAccountInfo()));
  expect(fault).toMatchObject({ code: 'broker.refused', message: expect.stringContaining('Enable JetStream') });
});

test('a fault stays as it is', () => {
  const fault = new Fault('job.missing', 'gone');
  expect(faultOf(fault)).toBe(fault);
});
