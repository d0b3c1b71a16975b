/**
 * Just enough of MQTT 3.1.1 to publish one message as a device does: connect, publish with quality 1, and wait until
 * the broker has acknowledged both.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const connectPacket = 0x10;
const publishPacket = 0x32;
const connectAck = 0x20;
const publishAck = 0x40;

/** Resolves when the broker has taken the message. */
export async function publishByMqtt(port: number, topic: string, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const answer = async (expected: number): Promise<void> => {
    const [data]: Buffer[] = await once(socket, 'data');
    if (data?.[0] !== expected) throw new Error(`Expected MQTT packet ${expected}, got ${data?.toString('hex')}.`);
  };
  try {
    // Protocol level 4, a clean session, 60 s between signs of life.
    socket.write(packet(connectPacket, Buffer.concat([field('MQTT'), Buffer.from([4, 2, 0, 60]), field('device')])));
    await answer(connectAck);
    socket.write(packet(publishPacket, Buffer.concat([field(topic), Buffer.from([0, 1]), Buffer.from(text)])));
    await answer(publishAck);
  } finally {
    socket.destroy();
  }
}

function packet(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, body.length]), body]);
}

function field(text: string): Buffer {
  return Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)]);
}

/** A device that signs in, publishes and hears, as MQTT 3.1.1 says it. Topics and packets of up to 127 bytes are enough here. */
export class MqttDevice implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #packets: { type: number; body: Buffer }[] = [];
  #left = Buffer.alloc(0);
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (data: Buffer) => {
      this.#left = Buffer.concat([this.#left, data]);
      this.#read();
      this.#wake();
    });
  }

  static async connect(port: number, { user, password }: { user: string; password: string }): Promise<MqttDevice> {
    const device = new MqttDevice(connect(port, '127.0.0.1'));
    // Protocol level 4, user, password and a clean session, 60 s between signs of life.
    const who = [field(user), field(user), field(password)];
    device.#send(connectPacket, Buffer.concat([field('MQTT'), Buffer.from([4, 0xc2, 0, 60]), ...who]));
    const { body } = await device.#next(({ type }) => type === connectAck);
    if (body[1] !== 0) throw new Error(`Expected to be let in, got ${body[1]}.`);
    return device;
  }

  async subscribe(topic: string): Promise<'granted' | 'refused'> {
    this.#send(0x82, Buffer.concat([Buffer.from([0, 7]), field(topic), Buffer.from([0])]));
    const { body } = await this.#next(({ type }) => type === 0x90);
    return body[2] === 0x80 ? 'refused' : 'granted';
  }

  async publish(topic: string, text: string): Promise<void> {
    this.#send(publishPacket, Buffer.concat([field(topic), Buffer.from([0, 1]), Buffer.from(text)]));
    await this.#next(({ type }) => type === publishAck);
  }

  /** What is said there; waits for it. */
  async heard(topic: string): Promise<string> {
    const says = field(topic);
    const { body } = await this.#next(
      ({ type, body: said }) => type === 0x30 && said.subarray(0, says.length).equals(says),
    );
    return body.subarray(says.length).toString();
  }

  #send(type: number, body: Buffer): void {
    this.#socket.write(packet(type, body));
  }

  async #next(isIt: (packet: { type: number; body: Buffer }) => boolean) {
    for (;;) {
      const at = this.#packets.findIndex(isIt);
      const [found] = at < 0 ? [] : this.#packets.splice(at, 1);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #read(): void {
    for (;;) {
      const [type] = this.#left;
      let [length, at] = [0, 1];
      for (let byte = 0x80; byte >= 0x80; at++) {
        byte = this.#left[at] ?? -1;
        if (byte < 0) return;
        length += (byte & 0x7f) << (7 * (at - 1));
      }
      if (type === undefined || this.#left.length < at + length) return;
      this.#packets.push({ type, body: this.#left.subarray(at, at + length) });
      this.#left = this.#left.subarray(at + length);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }
}
