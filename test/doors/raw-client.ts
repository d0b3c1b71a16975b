/**
 * A NATS client of a hundred lines, for tests that must not trust ours: bytes out, bytes in, no package.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A message as it came off the socket. Header names as they were sent; `status` such as `404`. */
export interface RawMessage {
  subject: string;
  headers: ReadonlyMap<string, string>;
  status: string;
  body: string;
}

type Headers = Readonly<Record<string, string | number>>;

const hello = 'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n';

export class RawClient implements Disposable {
  readonly #socket: Socket;
  readonly #listeners = new Map<string, (message: RawMessage) => void>();
  #bytes = Buffer.alloc(0);
  #next = 100;

  /** Connects; `greeting` are the first bytes that are said. */
  static async to(url: string, greeting = hello): Promise<RawClient> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    const client = new RawClient(socket);
    client.say(greeting);
    return client;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      while (this.#take());
    });
  }

  say(text: string): void {
    this.#socket.write(text);
  }

  /** Hears what comes under this subscription, which has been or will be made. */
  listen(sid: string): AsyncIterator<RawMessage> & AsyncIterable<RawMessage> {
    const stream = new ReadableStream<RawMessage>({
      start: (controller) => void this.#listeners.set(sid, (message) => controller.enqueue(message)),
    });
    return stream.values();
  }

  subscribe(subject: string): AsyncIterator<RawMessage> & AsyncIterable<RawMessage> {
    const sid = String(this.#next++);
    const heard = this.listen(sid);
    this.say(`SUB ${subject} ${sid}\r\n`);
    return heard;
  }

  publish(subject: string, body: string, { headers, reply }: { headers?: Headers; reply?: string } = {}): void {
    const to = reply === undefined ? subject : `${subject} ${reply}`;
    if (headers === undefined) return this.say(`PUB ${to} ${Buffer.byteLength(body)}\r\n${body}\r\n`);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `NATS/1.0\r\n${lines.join('')}\r\n`;
    this.say(`HPUB ${to} ${head.length} ${head.length + Buffer.byteLength(body)}\r\n${head}${body}\r\n`);
  }

  async request(subject: string, body = '', headers?: Headers): Promise<RawMessage> {
    const reply = `_INBOX.raw.${this.#next}`;
    const answers = this.subscribe(reply);
    this.publish(subject, body, headers === undefined ? { reply } : { headers, reply });
    return heard(answers);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  /** Takes one line, and what belongs to it; `false` where it is not all there yet. */
  #take(): boolean {
    const end = this.#bytes.indexOf('\r\n');
    if (end === -1) return false;
    const line = this.#bytes.subarray(0, end).toString();
    const words = line.split(' ');
    const rest = end + 2 + (/^H?MSG /.test(line) ? Number(words.at(-1)) + 2 : 0);
    if (this.#bytes.length < rest) return false;
    if (line === 'PING') this.say('PONG\r\n');
    if (line.startsWith('-ERR')) throw new Error(`The broker says ${line}.`);
    if (rest > end + 2) this.#tell(words, this.#bytes.subarray(end + 2, rest - 2));
    this.#bytes = this.#bytes.subarray(rest);
    return true;
  }

  #tell([kind, subject = '', sid = '', ...more]: readonly string[], bytes: Buffer): void {
    const headBytes = kind === 'HMSG' ? Number(more.at(-2)) : 0;
    const [first = '', ...lines] = bytes.subarray(0, headBytes).toString().split('\r\n');
    const pairs = lines.flatMap((line) => {
      const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    });
    const body = bytes.subarray(headBytes).toString();
    const status = /^NATS\/1\.0 (\d+)/.exec(first)?.[1] ?? '';
    this.#listeners.get(sid)?.({ subject, headers: new Map(pairs), status, body });
  }
}

/** The next message. */
export async function heard(messages: AsyncIterator<RawMessage>): Promise<RawMessage> {
  const { done, value } = await messages.next();
  if (done === true) throw new Error('Expected another message, the subscription ended.');
  return value;
}
