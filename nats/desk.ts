/**
 * Questions to masters, as requests on a core subject, without a queue group: to most only who leads answers, to some
 * every one.
 *
 * Right after a change of leaders two may answer, and the first answer counts: an answer tells what the board looked
 * like, and is no promise. One that is large, as where there are thousands of workers, travels compressed.
 */

import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Msg, NatsConnection } from 'nats';
import { Fault, type FaultCode, messageOf } from '../runtime/faults.ts';
import type { Desk } from '../runtime/ports.ts';
import { decodeJson, encodeJson } from './codec.ts';
import { faultOf } from './errors.ts';
import { hint, mostBytes } from './hint.ts';
import { listen } from './listen.ts';
import type { Names } from './names.ts';

const compressed = promisify(gzip);
const expanded = promisify(gunzip);
const expandedAtMost = 256 * 1_048_576;

/** What travels back: the answer, or the fault that answering ended in. */
interface Reply {
  answer?: unknown;
  fault?: { code: FaultCode; message: string };
}

export function natsDesk({ connection, names }: { connection: NatsConnection; names: Names }): Desk {
  return {
    answer: (question, how) =>
      listen(connection, names.desk(question), (message) => void reply(connection, message, how)),
    ask: (question, ask, timeoutMs) => request(connection, names.desk(question), ask, timeoutMs),
    askAll: (question, ask, withinMs) => requestAll(connection, names.desk(question), ask, withinMs),
  };
}

async function reply(connection: NatsConnection, message: Msg, how: (ask: unknown) => unknown): Promise<void> {
  if (!message.reply) return;
  const most = mostBytes(connection);
  const plain = encodeJson(await answered(message, how));
  const packed = plain.length > most / 2 ? await compressed(plain) : plain;
  hint(connection, message.reply, packed.length > most ? encodeJson(tooLarge(packed.length, most)) : packed);
}

function tooLarge(bytes: number, most: number): Reply {
  const message = `Expected an answer that fits into the broker's \`max_payload\` of ${most} bytes, it has ${bytes}, compressed. Raise \`max_payload\`.`;
  return { fault: { code: 'broker.refused', message } };
}

/** JSON never begins as what is compressed does. */
async function readReply(data: Uint8Array): Promise<Reply> {
  const isCompressed = data[0] === 0x1f && data[1] === 0x8b;
  return decodeJson<Reply>(isCompressed ? await expanded(data, { maxOutputLength: expandedAtMost }) : data);
}

async function answered(message: Msg, how: (ask: unknown) => unknown): Promise<Reply> {
  try {
    return { answer: await how(decodeJson(message.data)) };
  } catch (error) {
    return { fault: { code: error instanceof Fault ? error.code : 'broker.refused', message: messageOf(error) } };
  }
}

/** @throws {Fault} what the leader's answer failed with, or what kept the broker from carrying the question. */
async function request(connection: NatsConnection, subject: string, ask: unknown, timeoutMs: number): Promise<unknown> {
  const { answer, fault } = await carried(connection, subject, ask, timeoutMs);
  if (fault !== undefined) throw new Fault(fault.code, fault.message);
  return answer;
}

async function carried(connection: NatsConnection, subject: string, ask: unknown, timeoutMs: number): Promise<Reply> {
  try {
    const { data } = await connection.request(subject, encodeJson(ask ?? null), { timeout: timeoutMs });
    return await readReply(data);
  } catch (error) {
    const fault = faultOf(error);
    if (fault.code === 'broker.unavailable') return {};
    throw fault;
  }
}

/** Waits for the first answer for `withinMs`, and for each further one as long as the client does, 300 ms. */
async function requestAll(
  connection: NatsConnection,
  subject: string,
  ask: unknown,
  withinMs: number,
): Promise<readonly unknown[]> {
  const answers: unknown[] = [];
  try {
    const options = { strategy: 'stall', maxWait: withinMs } as const;
    for await (const { data } of await connection.requestMany(subject, encodeJson(ask ?? null), options)) {
      const { answer } = await readReply(data);
      if (answer !== undefined) answers.push(answer);
    }
  } catch (error) {
    const fault = faultOf(error);
    if (fault.code !== 'broker.unavailable') throw fault;
  }
  return answers;
}
