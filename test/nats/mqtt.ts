/**
 * Just enough of MQTT 3.1.1 to publish one message as a device does: connect, publish with quality 1, and wait until
 * the broker has acknowledged both.
 */

import { once } from 'node:events';
import { connect } from 'node:net';

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
