/**
 * Submits as `nats pub` does: a core publish with headers, without our client and without JetStream's.
 *
 * Knows how a bare submitter learns what became of it: header `Ref` names the subject on which intake tells. That is
 * a hint for the submitter, which it may miss; the submission itself lies in a stream and needs nobody to listen.
 */

import { headers, type MsgHdrs } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { SubmitAck } from '../runtime/ports.ts';
import type { BrokerAddress } from './address.ts';
import { encodeJson } from './codec.ts';
import { connectBroker } from './connection.ts';
import { listenJson } from './listen.ts';
import type { Names } from './names.ts';

/** One message to publish. `ref` is a word of its own: what became of it is told under it. */
export interface PlainSubmission {
  type: string;
  ref: string;
  headers: Readonly<Record<string, string>>;
  payload: unknown;
}

export interface PlainPublishOptions {
  address: BrokerAddress;
  names: Names;
  clock: Clock;
  /** How long intake may take to tell. */
  withinMs: number;
}

/**
 * Publishes all, in order, and hears what became of each; the answers come in the order of the submissions.
 *
 * @throws {Fault} `wait.timedOut` where intake did not tell in time, and whatever keeps one from connecting.
 */
export async function publishPlainly(
  submissions: readonly PlainSubmission[],
  { address, names, clock, withinMs }: PlainPublishOptions,
): Promise<readonly SubmitAck[]> {
  const connection = await connectBroker(address, { name: 'plain publisher' });
  try {
    const told = submissions.map(() => Promise.withResolvers<SubmitAck>());
    for (const [at, { ref }] of submissions.entries())
      await listenJson<SubmitAck>(connection, names.ack(ref), (ack) => told[at]?.resolve(ack));
    for (const each of submissions)
      connection.publish(names.submit(each.type), encodeJson(each.payload), { headers: headersOf(each) });
    return await inTime(Promise.all(told.map(({ promise }) => promise)), { clock, withinMs });
  } finally {
    await connection.drain();
  }
}

function headersOf({ headers: given, ref }: PlainSubmission): MsgHdrs {
  const written = headers();
  for (const [name, value] of Object.entries({ ...given, Ref: ref })) written.set(name, value);
  return written;
}

async function inTime<Value>(promise: Promise<Value>, { clock, withinMs }: { clock: Clock; withinMs: number }) {
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(withinMs, () =>
    late.reject(
      new Fault(
        'wait.timedOut',
        `Expected intake to take in what was published within ${withinMs} ms, it did not. Is a master running?`,
      ),
    ),
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    cancel();
  }
}
