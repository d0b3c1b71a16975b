/**
 * The job type `webhook`: tells one receiver of one event, signed as Standard Webhooks has it.
 *
 * Its secret stands with the webhook and not in the job. Whoever registers one chooses where this worker connects to, so the address
 * is looked at after it was resolved, and connected to as it was seen; redirects are not followed.
 */

import { createHmac } from 'node:crypto';
import { lookup as resolve } from 'node:dns/promises';
import { type ClientRequest, type IncomingMessage, request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { isOpen, type WebhookRecord, webhookType } from '../machines/rules/webhook.ts';
import type { Clock } from '../runtime/clock.ts';
import { type JobDefinition, JobError, type JobRun } from '../runtime/handler.ts';
import { strict, text } from './payload.ts';

export interface WebhookOptions {
  /** What stands under an id. */
  read(webhook: string): Promise<WebhookRecord>;
  /** Its receiver wants no more. */
  end(webhook: string): Promise<void>;
  /** Whether it may be in a private network, or on this machine. */
  isPrivateAllowed: boolean;
}

const answersWithinMs = 10_000;

const payload = strict({
  webhook: text(64).meta({ description: 'The id of a webhook that is registered.' }),
  event: z.record(z.string(), z.unknown(), 'Expected an object.').meta({ description: 'What its receiver is told.' }),
});
type Job = JobRun<z.output<typeof payload>>;

/** Without options the definition is good for a master alone. */
export function webhook({
  clock,
  ...options
}: { clock: Clock } & Partial<WebhookOptions>): JobDefinition<z.output<typeof payload>> {
  return {
    type: webhookType,
    description: 'Tells a receiver of an event.',
    payload,
    defaults: {
      queue: 'webhooks',
      maxAttempts: 12,
      backoff: { kind: 'exponential', baseMs: 1_000, factor: 3, maxMs: 3_600_000, jitterMs: 1_000 },
      timeoutMs: 30_000,
    },
    run: (job) => deliver(job, clock, options),
  };
}

async function deliver(job: Job, clock: Clock, { read, end, isPrivateAllowed = false }: Partial<WebhookOptions>) {
  const { webhook: id, event } = job.payload;
  const hook = await read?.(id);
  // A replica that is behind has not heard of one that is new; one that was removed is still there.
  if (hook?.createdAt === 0) throw new JobError(`Expected webhook ${id} to be known, it is not yet.`);
  if (hook === undefined || !isOpen(hook) || hook.tenant !== job.tenant)
    throw new JobError(`Expected webhook ${id} to be registered, it was removed or has ended.`, { retryable: false });
  const url = new URL(hook.url);
  const address = await addressOf(url, isPrivateAllowed);
  const status = await post({ url, address, job, hook, body: JSON.stringify(event), clock });
  if (status >= 200 && status < 300) return { status };
  if (status === 410) await end?.(id);
  throw new JobError(`Expected ${url.origin} to take it with a status of 200 to 299, it answered ${status}.`, {
    retryable: status !== 410,
  });
}

/** Where to connect. @throws {JobError} where that is a private network, and may not be one. */
async function addressOf({ hostname }: URL, isPrivateAllowed: boolean): Promise<string> {
  const host = hostname.replace(/^\[|\]$/g, '');
  const found = isIP(host) > 0 ? [host] : (await resolve(host, { all: true })).map(({ address }) => address);
  const closed = isPrivateAllowed ? undefined : found.find(isPrivate);
  if (closed !== undefined)
    throw new JobError(
      `Expected ${host} to be a public address, it is ${closed}. Start workers with \`--webhook-private\` to allow it.`,
      { retryable: false },
    );
  const [address = host] = found;
  return address;
}

const closedTo = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  closedTo.addSubnet(network, bits, 'ipv4');

const openTo = new BlockList();
openTo.addSubnet('2000::', 3, 'ipv6');
/** They stand for an IPv4 address, or lead through one. */
const leading = new BlockList();
leading.addSubnet('2001::', 23, 'ipv6');
leading.addSubnet('2002::', 16, 'ipv6');

/** Whether it is no address of the public network. */
export function isPrivate(address: string): boolean {
  if (isIP(address) === 4) return closedTo.check(address, 'ipv4');
  return !openTo.check(address, 'ipv6') || leading.check(address, 'ipv6');
}

interface Post {
  url: URL;
  address: string;
  job: Job;
  hook: WebhookRecord;
  body: string;
  clock: Clock;
}

/** The status of the answer; of its body nothing is read. */
function post({ url, address, job, hook, body, clock }: Post): Promise<number> {
  const seconds = String(Math.floor(clock.now() / 1_000));
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'yardmaster',
    ...job.trace,
    'webhook-id': job.id,
    'webhook-timestamp': seconds,
    'webhook-signature': `v1,${signature(hook.secret, `${job.id}.${seconds}.${body}`)}`,
  };
  const late = new AbortController();
  const inTime = clock.after(answersWithinMs, () =>
    late.abort(new Error(`It did not answer within ${answersWithinMs} ms.`)),
  );
  const signal = AbortSignal.any([job.signal, late.signal]);
  const family = isIP(address);
  return new Promise<number>((answered, failed) => {
    const given = {
      ...{ method: 'POST', headers, signal, agent: false as const },
      lookup: (_host: string, options: { all?: boolean | undefined }, found: (...given: never[]) => void) =>
        Reflect.apply(found, undefined, options.all === true ? [null, [{ address, family }]] : [null, address, family]),
    };
    const onAnswer = (answer: IncomingMessage) => {
      answered(answer.statusCode ?? 0);
      answer.destroy();
    };
    const asked: ClientRequest = url.protocol === 'https:' ? secure(url, given, onAnswer) : plain(url, given, onAnswer);
    asked.on('error', failed);
    asked.end(body);
  }).finally(inTime);
}

/** As Standard Webhooks has it: the secret is base64 behind `whsec_`. */
function signature(secret: string, text: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return createHmac('sha256', key).update(text).digest('base64');
}
