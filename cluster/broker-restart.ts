/**
 * Restarts one broker of the `yard up` of a directory on purpose, such as for another program or other settings.
 *
 * The broker is told to go in good order: it gives away what it leads and lets its clients go to the others before it
 * ends, and `yard up` starts it again. Promises that it does so only while all others have everything, so that
 * nothing waits for an election or a majority; resolves when the restarted one has everything too.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrokersView, BrokerView } from '../nats/brokers.ts';
import { brokerName } from '../nats/embedded-cluster.ts';
import { isAlive } from '../nats/leftover.ts';
import { serverFiles } from '../nats/server-config.ts';
import { type Clock, pause, SystemClock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { readUpFile } from './up-file.ts';

export interface BrokerRestart {
  /** Where `yard up` keeps its data. */
  dataDir: string;
  /** `broker-2`, or its whole name. */
  name: string;
  withinMs: number;
  look(): Promise<BrokersView>;
}

/** Lame duck mode of nats-server. */
const goInGoodOrder = 'SIGUSR2';
const patienceMs = 5_000;

/**
 * @throws {Fault} `input.invalid` where there is no such broker here; `broker.unavailable` where another one lacks
 * something; `wait.timedOut`.
 */
export async function restartBroker({ dataDir, name, withinMs, look }: BrokerRestart): Promise<BrokerView> {
  const clock = new SystemClock();
  const { brokers } = await look();
  const wanted = named(brokers, name);
  const file = await pidFileOf(dataDir, wanted, brokers.length);
  const before = await pidIn(file);
  if (before === undefined) throw notHere(wanted.name, dataDir);
  await othersHaveAll(wanted.name, { look, clock, withinMs: Math.min(withinMs, patienceMs) });
  process.kill(before, goInGoodOrder);
  for (const until = clock.mono() + withinMs; clock.mono() < until; await pause(clock, 100)) {
    const now = await pidIn(file);
    if (now === undefined || now === before) continue;
    const found = (await look().catch(() => undefined))?.brokers.find((each) => each.name === wanted.name);
    if (found?.isCurrent === true) return found;
  }
  throw new Fault(
    'wait.timedOut',
    `Expected ${wanted.name} to be back with everything within ${withinMs / 1_000} s, it is not. See \`yard broker list\`.`,
  );
}

function named(brokers: readonly BrokerView[], wanted: string): BrokerView {
  const found = brokers.find(({ name }) => name === wanted || name.endsWith(`-${wanted}`));
  if (found !== undefined) return found;
  const all = brokers.map(({ name }) => name).join(', ');
  throw new Fault('input.invalid', `Expected the name of a broker, one of ${all}, got ${wanted}.`);
}

/** One that was restarted shortly before may still be reading. */
async function othersHaveAll(
  wanted: string,
  { look, clock, withinMs }: Pick<BrokerRestart, 'look' | 'withinMs'> & { clock: Clock },
): Promise<void> {
  const until = clock.mono() + withinMs;
  let other = lacking(await look(), wanted);
  while (other !== undefined && clock.mono() < until) {
    await pause(clock, 100);
    other = lacking(await look(), wanted);
  }
  if (other === undefined) return;
  throw new Fault(
    'broker.unavailable',
    `Expected all other brokers to have everything before ${wanted} restarts, got ${other.name} ${other.isAway ? 'away' : `${other.behind} writes behind`}. Wait for it; see \`yard broker list\`.`,
  );
}

function lacking({ brokers }: BrokersView, wanted: string): BrokerView | undefined {
  return brokers.find(({ name, isCurrent }) => name !== wanted && !isCurrent);
}

async function pidFileOf(dataDir: string, { name }: BrokerView, count: number): Promise<string> {
  const up = await readUpFile(dataDir);
  if (up?.brokers === undefined || up.brokers.length === 0) throw notHere(name, dataDir);
  const folders = Array.from({ length: count }, (_, at) => brokerName(at));
  const own = folders.find((folder) => name === `${up.prefix}-${folder}`);
  return join(dataDir, own ?? '', serverFiles.pid);
}

async function pidIn(file: string): Promise<number | undefined> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  return pid > 0 && isAlive(pid) ? pid : undefined;
}

function notHere(name: string, dataDir: string): Fault {
  return new Fault(
    'input.invalid',
    `Expected ${name} to be a broker of the \`yard up\` of ${dataDir}, it is none. Restart it where it runs: \`nats-server --signal ldm=PID\`, then start it.`,
  );
}
