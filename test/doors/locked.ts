/**
 * A cluster whose broker knows users, as `yard auth nats` makes them: a master, a worker, an operator, and whoever a test names.
 */

import { expect } from 'vitest';
import { startMaster } from '../../cluster/master.ts';
import { readSettings } from '../../cluster/settings.ts';
import { serveOverNats } from '../../doors/service/serve.ts';
import { freePorts } from '../../nats/broker-ports.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { connect, type JobDefinition, type Work, type WorkOptions, work, type Yard } from '../../sdk/index.ts';
import { scratch, type TestBroker, testBroker } from '../nats/broker.ts';
import { Shell } from './command.ts';

interface User {
  user: string;
  password: string;
}

export class LockedCluster implements AsyncDisposable {
  readonly broker: TestBroker;
  readonly shell: Shell;
  /** That of the operator. */
  readonly yard: Yard;
  readonly worker: Work;
  readonly #users: readonly User[];
  readonly #ends: readonly (() => PromiseLike<unknown>)[];

  constructor(parts: {
    broker: TestBroker;
    shell: Shell;
    yard: Yard;
    worker: Work;
    users: readonly User[];
    ends: readonly (() => PromiseLike<unknown>)[];
  }) {
    this.broker = parts.broker;
    this.shell = parts.shell;
    this.yard = parts.yard;
    this.worker = parts.worker;
    this.#users = parts.users;
    this.#ends = parts.ends;
  }

  as(name: string) {
    return addressOf(this.#users, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.toReversed()) await end();
  }
}

function addressOf(users: readonly User[], name: string) {
  const found = users.find(({ user }) => user === name);
  if (found === undefined) throw new RangeError(`Expected a user ${name}.`);
  return { user: found.user, password: found.password, inboxPrefix: `_INBOX_${name}` };
}

/** `others` beside master, worker and operator. Its service asks for no tokens: the broker holds that lock. */
export async function lockedCluster(
  others: readonly string[],
  types: readonly JobDefinition[],
  options: WorkOptions = {},
): Promise<LockedCluster> {
  const ends: (() => PromiseLike<unknown>)[] = [];
  const folder = await scratch();
  ends.push(() => folder[Symbol.asyncDispose]());
  const role = options.types?.includes('webhook') === true ? 'webhook-worker' : 'worker';
  const bare = new Shell(folder.path, {});
  const { code, out } = await bare.yard('auth', 'nats', 'master', role, 'operator', ...others, '-o', 'json');
  expect(code).toBe(0);
  const settings = JSON.parse(out);
  const users: readonly User[] = settings.authorization.users;
  const broker = await testBroker({ settings, ports: { ...freePorts, mqtt: 'free' } });
  ends.push(() => broker[Symbol.asyncDispose]());
  const shell = new Shell(folder.path, { NATS_URL: broker.url });
  ends.push(() => shell[Symbol.asyncDispose]());
  const as = (name: string) => ({ servers: broker.url, ...addressOf(users, name) });
  const telemetry = createTelemetry();
  const elected = next(telemetry, 'leader.elected');
  const flags = { nats: broker.url, ...addressOf(users, 'master') };
  const master = await startMaster({
    options: readSettings({ flags, env: {}, directory: folder.path }, 'master'),
    telemetry,
  });
  ends.push(() => master.stop());
  await elected;
  const onError = (cause: unknown) => expect.unreachable(String(cause));
  const open = () => connect(as('operator'));
  const service = await serveOverNats(master, { open, auth: 'open', ratePerSecond: 0, version: '0', onError });
  ends.push(() => service[Symbol.asyncDispose]());
  const worker = await work(types, { drainDeadline: 0, name: 'w', ...options, ...as(role) });
  ends.push(() => worker.drain());
  const yard = await open();
  ends.push(() => yard.close());
  return new LockedCluster({ broker, shell, yard, worker, users, ends });
}
