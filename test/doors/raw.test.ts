/**
 * The door that needs nothing: bytes of the NATS protocol over a socket, by no client of anybody's.
 *
 * `INFO`, `CONNECT`, `PUB`, `HPUB`, in whatever pieces TCP delivers them; `SUB` to hear the ack, and the bucket's own
 * subject to read a record as any language could.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Cluster, cluster } from '../cluster/harness.ts';

let yard: Cluster;

beforeAll(async () => {
  yard = await cluster();
});
afterEach(() => yard.expectSound());
afterAll(() => yard[Symbol.asyncDispose]());

/** A socket to the broker, and the text that came over it so far. */
class Wire implements AsyncDisposable {
  readonly #socket: Socket;
  #text = '';

  static async open(): Promise<Wire> {
    const { hostname, port } = new URL(yard.broker.url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new Wire(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
    });
  }

  /** Writes each piece on its own, once the one before has left. */
  async write(...pieces: (string | Uint8Array)[]): Promise<void> {
    for (const piece of pieces) await new Promise<void>((resolve) => this.#socket.write(piece, () => resolve()));
  }

  /** What the pattern finds in all that was heard, as soon as it does. */
  async hears(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#text);
      if (found !== null) return found;
      await once(this.#socket, 'data');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }
}

const hello = 'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\n';

function pub(subject: string, body: string): string {
  return `PUB ${subject} ${Buffer.byteLength(body)}\r\n${body}\r\n`;
}

/** A message with headers; with `reply`, the broker answers that it has stored it. */
function hpub(subject: string, body: string, headers: Readonly<Record<string, string>>, reply = ''): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `NATS/1.0\r\n${lines.join('')}\r\n`;
  const sizes = `${Buffer.byteLength(head)} ${Buffer.byteLength(head) + Buffer.byteLength(body)}`;
  return `HPUB ${subject} ${reply === '' ? '' : `${reply} `}${sizes}\r\n${head}${body}\r\n`;
}

async function jobs(type: string): Promise<readonly string[]> {
  return (await yard.user.records()).filter((record) => record.type === type).map(({ id }) => id);
}

test('a bare PUB is a job', async () => {
  await using wire = await Wire.open();
  await wire.hears(/^INFO \{.*"headers":true.*\} ?\r\n/);
  await wire.write(`${hello}${pub('yard.submit.noop', '{"executionTimeMs":5}')}PING\r\n`);
  await wire.hears(/PONG\r\n/);
  const [id = ''] = await yard.user.until(async () => nonEmpty(await jobs('noop')), 'a job of type noop');
  expect(id).toMatch(/^[0-9a-z]+-\d+$/);
  expect(await yard.user.waitUntil(id, 'completed')).toMatchObject({
    ...{ type: 'noop', queue: 'default', priority: 'medium', payload: { executionTimeMs: 5 } },
  });
});

test('an HPUB says everything by headers, and its ref hears the id of the job', async () => {
  await using wire = await Wire.open();
  const headers = { 'Job-Id': 'raw-1', Priority: 'critical', queue: 'live', Tags: 'a, b', Ref: 'r1' };
  await wire.write(`${hello}SUB yard.ack.r1 1\r\n${hpub('yard.submit.mark', '{}', headers)}`);
  const [, ack = ''] = await wire.hears(/MSG yard\.ack\.r1 1 \d+\r\n(\{.*?\})\r\n/);
  expect(JSON.parse(ack)).toMatchObject({ ref: 'r1', id: 'raw-1', tenant: 'default', state: 'pending' });
  expect(await yard.user.waitUntil('raw-1', 'completed')).toMatchObject({
    ...{ priority: 'critical', queue: 'live', tags: ['a', 'b'] },
  });
});

test('with a reply subject the broker answers that it has stored the submission', async () => {
  await using wire = await Wire.open();
  await wire.write(`${hello}SUB inbox.x 7\r\n${hpub('yard.submit.mark', '', { 'Job-Id': 'raw-2' }, 'inbox.x')}`);
  const [, answer = ''] = await wire.hears(/MSG inbox\.x 7 \d+\r\n(\{.*?\})\r\n/);
  expect(JSON.parse(answer)).toMatchObject({ stream: 'yard_submit', seq: expect.any(Number) });
  expect(await yard.user.waitUntil('raw-2', 'completed')).toMatchObject({ payload: {} });
});

test('a hundred submissions in one write, and one in a hundred writes, are each a job', async () => {
  await using wire = await Wire.open();
  const many = Array.from({ length: 100 }, (_, at) => hpub('yard.submit.mark', '{}', { 'Job-Id': `one-write-${at}` }));
  await wire.write(hello + many.join(''));
  const one = hpub('yard.submit.mark', '{"ms":1}', { 'Job-Id': 'many-writes', Name: 'Stückwerk ✂' });
  await wire.write(...Array.from(Buffer.from(one, 'utf8'), (byte) => Uint8Array.of(byte)));
  const ids = [...many.map((_, at) => `one-write-${at}`), 'many-writes'];
  const records = await yard.user.settled(ids);
  expect(records.map(({ state }) => state)).toEqual(ids.map(() => 'completed'));
  expect(records.at(-1)?.payload).toEqual({ ms: 1 });
});

test('what is wrong with bytes that are no job is told to the ref', async () => {
  await using wire = await Wire.open();
  const bad = hpub('yard.submit.mark', '\u0000\u0001not json', { Ref: 'r2' });
  await wire.write(`${hello}SUB yard.ack.* 1\r\n${bad}`);
  const [, ack = ''] = await wire.hears(/MSG yard\.ack\.r2 1 \d+\r\n(\{.*?\})\r\n/);
  expect(JSON.parse(ack)).toMatchObject({ ref: 'r2', rejected: expect.stringMatching(/^Expected JSON, got /) });
});

test('without a ref, what is wrong is told under the sequence of the submission', async () => {
  await using wire = await Wire.open();
  await wire.write(`${hello}SUB yard.ack.* 1\r\nSUB inbox.y 2\r\n`);
  await wire.write('PUB yard.submit.mark inbox.y 1\r\n7\r\n');
  const [, sequence] = await wire.hears(/MSG inbox\.y 2 \d+\r\n\{.*?"seq":(\d+).*?\}\r\n/);
  const [, ack = ''] = await wire.hears(new RegExp(`MSG yard\\.ack\\.${sequence} 1 \\d+\\r\\n(\\{.*?\\})\\r\\n`));
  expect(JSON.parse(ack)).toMatchObject({ rejected: expect.stringMatching(/got a number/) });
});

test('a record is read by a request to the bucket, as `nats kv get` does', async () => {
  await using wire = await Wire.open();
  const ask = '{"last_by_subj":"$KV.yard_jobs.default.raw-1"}';
  const subject = '$JS.API.STREAM.MSG.GET.KV_yard_jobs';
  await wire.write(`${hello}SUB inbox.z 1\r\nPUB ${subject} inbox.z ${ask.length}\r\n${ask}\r\n`);
  const [, answer = ''] = await wire.hears(/MSG inbox\.z 1 \d+\r\n(\{.*\})\r\n/);
  const { message }: { message: { data: string } } = JSON.parse(answer);
  expect(JSON.parse(Buffer.from(message.data, 'base64').toString('utf8'))).toMatchObject({
    ...{ id: 'raw-1', state: 'completed', attempts: [{ attempt: 1, outcome: 'completed' }] },
  });
});

function nonEmpty<Item>(items: readonly Item[]): readonly Item[] | undefined {
  return items.length > 0 ? items : undefined;
}
