/** A cluster on this machine: up, down, and what dies in between. */

import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { restartBroker } from '../../cluster/broker-restart.ts';
import { readSettings } from '../../cluster/settings.ts';
import { type Cluster, type ClusterOptions, startCluster } from '../../cluster/up.ts';
import { isRunning, readUpFile, type UpFile } from '../../cluster/up-file.ts';
import type { BrokersView, BrokerView } from '../../nats/brokers.ts';
import { isAlive } from '../../nats/leftover.ts';
import { connect } from '../../sdk/index.ts';
import { Shell } from '../doors/command.ts';
import { Heard } from '../heard.ts';
import { type Scratch, scratch, testBroker } from '../nats/broker.ts';
import { publishByMqtt } from '../nats/mqtt.ts';
import { gone, until } from './gone.ts';

/** What processes said, and what the cluster said of them. */
class Witness {
  readonly #lines = new Map<string, PromiseWithResolvers<string>>();
  readonly said = new Heard<string>();
  readonly #all: string[] = [];

  readonly onLine = (from: string, line: string): void => this.#hear(`${from}: ${line}`);
  readonly say = (sentence: string): void => {
    this.said.add(sentence);
    this.#hear(sentence);
  };

  /** Resolves with the first line from now on that holds `text`. */
  next(text: string): Promise<string> {
    const waiting = this.#lines.get(text) ?? Promise.withResolvers<string>();
    this.#lines.set(text, waiting);
    return waiting.promise;
  }

  #hear(line: string): void {
    this.#all.push(line);
    for (const [text, { resolve }] of this.#lines)
      if (line.includes(text)) {
        this.#lines.delete(text);
        resolve(line);
      }
  }
}

const ports = { port: 'free', monitorPort: 'free', mqttPort: 'free' };
/** No encoder is measured: a worker that takes no transcode jobs is up in half the time. */
const quick = { types: 'noop,sleeper' };

function clusterIn(
  folder: Scratch,
  flags: Record<string, string> = {},
  more: Partial<ClusterOptions> = {},
): Promise<Cluster> {
  const all = { ...ports, ...quick, data: join(folder.path, '.yard'), ...flags };
  return startCluster({ options: readSettings({ flags: all, env: {}, directory: folder.path }, 'up'), ...more });
}

/** As if the third broker had gone. */
function withoutThird(view: BrokersView): BrokersView {
  return { ...view, brokers: view.brokers.with(2, { ...thirdOf(view), isCurrent: false, isAway: true }) };
}

function thirdOf({ brokers: [, , third] }: BrokersView): BrokerView {
  if (third === undefined) throw new Error('Expected three brokers, got fewer.');
  return third;
}

function upIn(folder: Scratch): Promise<UpFile | undefined> {
  return readUpFile(join(folder.path, '.yard'));
}

describe('up', () => {
  test('a cluster that is up takes jobs, says where it is, and leaves nothing running', async () => {
    await using folder = await scratch();
    const cluster = await clusterIn(folder);
    const up = await upIn(folder);
    const pids = cluster.members.map(({ pid }) => pid);
    expect(cluster.members.map(({ name }) => name)).toEqual(['master-1', 'worker-1', 'worker-2']);
    expect(up).toMatchObject({
      url: cluster.url,
      prefix: 'yard',
      pid: process.pid,
      masters: [pids[0]],
      workers: pids.slice(1),
    });
    expect(up?.readyAt).toBeGreaterThan(up?.startedAt ?? Number.POSITIVE_INFINITY);
    {
      await using yard = await connect({ servers: cluster.url });
      expect((await yard.workers()).map(({ status }) => status)).toEqual(['available', 'available']);
      const job = await yard.submit('noop');
      expect(await job.settled({ timeoutMs: 10_000 })).toMatchObject({ state: 'completed' });
    }
    await cluster.stop();
    expect(pids.filter((pid) => pid === undefined || isAlive(pid))).toEqual([]);
    await expect(fetch(`${cluster.monitoringUrl}/healthz`)).rejects.toThrow();
    expect(await upIn(folder)).toBeUndefined();
  });

  test('what was submitted is there when the cluster comes up again in the same directory, told what it survives', async () => {
    await using folder = await scratch();
    {
      await using cluster = await clusterIn(folder, { workers: '0', durability: 'fsync' });
      await using yard = await connect({ servers: cluster.url });
      expect(await yard.submit('noop', {}, { id: 'kept' })).toMatchObject({ durability: 'fsync' });
      expect(await yard.cluster()).toMatchObject({ durability: 'fsync' });
    }
    await using again = await clusterIn(folder, { workers: '1' });
    await using yard = await connect({ servers: again.url });
    expect(await yard.submit('noop')).toMatchObject({ durability: 'fast' });
    expect(await yard.settled('kept', { timeoutMs: 20_000 })).toMatchObject({ state: 'completed' });
  });

  test('with a broker of somebody else, none is started and that one is left alone', async () => {
    await using broker = await testBroker();
    await using folder = await scratch();
    const cluster = await clusterIn(folder, { nats: broker.url, prefix: 'other', workers: '1' });
    expect(cluster).toMatchObject({ url: broker.url, prefix: 'other', monitoringUrl: undefined, mqttUrl: undefined });
    await cluster.stop();
    expect((await broker.connect()).isClosed()).toBe(false);
    const refused = clusterIn(folder, { nats: broker.url, durability: 'fsync' });
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining('--nats-monitoring') });
    const seen = clusterIn(folder, {
      nats: broker.url,
      durability: 'fsync',
      natsMonitoring: broker.server.monitoringUrl,
    });
    await expect(seen).rejects.toMatchObject({ message: expect.stringContaining('sync_interval: always') });
  });

  test('three brokers are a cluster: each speaks MQTT and is brought back where it dies, and no other number of them takes their data', async () => {
    await using folder = await scratch();
    const witness = new Witness();
    const flags = { brokers: '3', masters: '1', workers: '1' };
    await using cluster = await clusterIn(folder, flags, witness);
    expect(cluster.url.split(',')).toHaveLength(3);
    const [, second = ''] = cluster.mqttUrl?.split(',') ?? [];
    await publishByMqtt(Number(new URL(second).port), 'yard/submit/noop', '{"payload":{},"options":{"id":"by-mqtt"}}');
    await using yard = await connect({ servers: cluster.url });
    // A PUBACK is no proof that it is stored.
    await until(async () => (await yard.job('by-mqtt')) !== undefined, 'the job by MQTT to be made');
    const [killed = 0, ...others] = (await upIn(folder))?.brokers ?? [];
    expect(others).toHaveLength(2);
    process.kill(killed, 'SIGKILL');
    expect(await witness.said.atLeast(1)).toEqual([`Broker 1 (process ${killed}) has died; it is started again.`]);
    const isBack = async () =>
      (await upIn(folder))?.brokers?.[0] !== killed && (await upIn(folder))?.brokers?.length === 3;
    await until(isBack, 'the broker to be back');
    const job = await yard.submit('noop');
    for (const id of ['by-mqtt', job.id])
      expect(await yard.settled(id, { timeoutMs: 30_000 })).toMatchObject({ state: 'completed' });
    const look = async () => withoutThird(await yard.brokers());
    const restart = restartBroker({ dataDir: cluster.dataDir, name: 'broker-2', withinMs: 100, look });
    await expect(restart).rejects.toMatchObject({
      code: 'broker.unavailable',
      message: expect.stringContaining('got yard-broker-3 away'),
    });
    await yard.close();
    await cluster.stop();
    await expect(clusterIn(folder)).rejects.toMatchObject({
      code: 'option.invalid',
      message: expect.stringMatching(
        /Expected the data of one broker in .*, got that of 3 brokers\. Start with `--brokers 3`/,
      ),
    });
  });

  test('a second cluster in the same directory is refused, and the first one does not notice', async () => {
    await using folder = await scratch();
    await using cluster = await clusterIn(folder, { workers: '0' });
    await expect(clusterIn(folder)).rejects.toMatchObject({
      code: 'cluster.running',
      message: expect.stringContaining(`process ${process.pid} at ${cluster.url}. Stop it with \`yard down\``),
    });
    expect((await upIn(folder))?.url).toBe(cluster.url);
  });

  test('what a dead cluster left in the directory is in nobody’s way', async () => {
    await using folder = await scratch();
    const left = {
      url: 'nats://127.0.0.1:1',
      prefix: 'yard',
      pid: process.pid,
      owner: `${process.pid} 1`,
      masters: [],
      workers: [],
      startedAt: 1,
    };
    await clusterIn(folder, { masters: '0', workers: '0' }).then((cluster) => cluster.stop());
    await writeFile(join(folder.path, '.yard', 'up.json'), JSON.stringify(left));
    expect(await upIn(folder)).toBeUndefined();
    await using cluster = await clusterIn(folder, { masters: '0', workers: '0' });
    expect((await upIn(folder))?.url).toBe(cluster.url);
  });

  test.each(['port', 'monitorPort', 'mqttPort'])('a taken port is told by its number and flag: %s', async (name) => {
    await using folder = await scratch();
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const address = squatter.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const flag = name.replace('Port', '-port');
    await expect(clusterIn(folder, { [name]: String(port) })).rejects.toMatchObject({
      code: 'option.invalid',
      message: expect.stringMatching(new RegExp(`Expected port ${port} to be free.*\`--${flag}\``)),
    });
    squatter.close();
  });

  test('a process that does not come up fails the start with its own words, and nothing stays', async () => {
    await using folder = await scratch();
    const witness = new Witness();
    await expect(clusterIn(folder, { types: 'nonsense' }, { onLine: witness.onLine })).rejects.toMatchObject({
      code: 'process.ended',
      message: expect.stringMatching(/Expected worker-\d to start, it ended with exit code 2: .*got `nonsense`/),
    });
    expect(await upIn(folder)).toBeUndefined();
  });

  test('a start that is given up leaves nothing behind, at whatever moment', async () => {
    await using folder = await scratch();
    const early = clusterIn(folder, {}, { signal: AbortSignal.abort() });
    await expect(early).rejects.toMatchObject({ code: 'process.ended' });
    const giveUp = new AbortController();
    const onLine = () => giveUp.abort();
    await expect(clusterIn(folder, {}, { signal: giveUp.signal, onLine })).rejects.toMatchObject({
      code: 'process.ended',
    });
    expect(await upIn(folder)).toBeUndefined();
    await using cluster = await clusterIn(folder, { workers: '0' });
    expect(cluster.members).toHaveLength(1);
  });
});

describe('in between', () => {
  test('a worker that was killed comes back, and up.json knows its new process', async () => {
    await using folder = await scratch();
    const witness = new Witness();
    await using cluster = await clusterIn(folder, { workers: '1' }, witness);
    const killed = cluster.members.find(({ role }) => role === 'worker')?.pid ?? 0;
    const back = witness.next('worker.started');
    process.kill(killed, 'SIGKILL');
    await back;
    expect(witness.said.all).toEqual([`worker-1 (process ${killed}) ended with SIGKILL; it is started again in 1 s.`]);
    const pid = cluster.members.find(({ role }) => role === 'worker')?.pid;
    expect(pid).not.toBe(killed);
    expect((await upIn(folder))?.workers).toEqual([pid]);
    await using yard = await connect({ servers: cluster.url });
    const job = await yard.submit('noop');
    expect(await job.settled({ timeoutMs: 20_000 })).toMatchObject({ state: 'completed' });
  });

  test('where nothing shall come back, what died stays dead', async () => {
    await using folder = await scratch();
    const witness = new Witness();
    await using cluster = await clusterIn(folder, { workers: '1' }, { ...witness, restart: false });
    const pid = cluster.members.find(({ role }) => role === 'worker')?.pid ?? 0;
    process.kill(pid, 'SIGKILL');
    expect(await witness.said.atLeast(1)).toEqual([`worker-1 (process ${pid}) ended with SIGKILL.`]);
    expect(cluster.members.find(({ role }) => role === 'worker')?.pid).toBeUndefined();
  });

  test('a broker that was killed comes back on the same address with what it held', async () => {
    await using folder = await scratch();
    const witness = new Witness();
    await using cluster = await clusterIn(folder, { workers: '1' }, witness);
    const pid = Number(await readFile(join(folder.path, '.yard', 'nats-server.pid'), 'utf8'));
    await using yard = await connect({ servers: cluster.url });
    const before = await yard.submit('noop');
    await before.settled({ timeoutMs: 10_000 });
    process.kill(pid, 'SIGKILL');
    expect(await witness.said.atLeast(1)).toEqual([`The broker (process ${pid}) has died; it is started again.`]);
    const after = await yard.submit('noop');
    expect(await after.settled({ timeoutMs: 30_000 })).toMatchObject({ state: 'completed' });
    expect(await yard.job(before.id)).toMatchObject({ state: 'completed' });
  });

  test('a worker that joins later is a worker like the others', async () => {
    await using folder = await scratch();
    await using cluster = await clusterIn(folder, { workers: '0' });
    const { name, pid } = await cluster.add('worker', { labels: { zone: 'eu' } });
    expect(name).toBe('worker-1');
    await using yard = await connect({ servers: cluster.url });
    expect(await yard.workers()).toMatchObject([{ name, pid, labels: { zone: 'eu' } }]);
  });

  test('workers that are hurried hand back what they run, uncounted, and it runs again when the cluster does', async () => {
    await using folder = await scratch();
    {
      await using cluster = await clusterIn(folder, { workers: '1' });
      await using yard = await connect({ servers: cluster.url });
      await yard.submit('sleeper', { executionTimeMs: 600_000 }, { id: 'long' });
      const processing = Promise.withResolvers<void>();
      await yard.onTransition(({ transition }) => void (transition.to === 'processing' && processing.resolve()));
      if ((await yard.job('long'))?.state !== 'processing') await processing.promise;
      const isDraining = async () => (await yard.workers())[0]?.status === 'draining';
      const stopped = cluster.stop();
      await until(isDraining, 'the worker to drain');
      await yard.close();
      void cluster.stop();
      await stopped;
    }
    await using again = await clusterIn(folder, { workers: '0' });
    await using yard = await connect({ servers: again.url });
    expect(await yard.job('long')).toMatchObject({
      state: 'pending',
      attempts: [{ outcome: 'drained' }],
      context: { spent: 0 },
    });
  });
});

describe('the command', () => {
  test('`yard up` says where it is and how to submit; one Ctrl-C stops all of it in order', async () => {
    await using folder = await scratch();
    await using shell = new Shell(folder.path, {});
    const running = shell.start('up', '--free-ports', '--workers', '1', '--types', 'noop');
    await running.says('stop');
    const up = await upIn(folder);
    running.signal('SIGINT');
    const { code, out, talk } = await running.ended;
    expect(code).toBe(0);
    expect(out).toContain('Yardmaster is up: 1 master, 1 worker.');
    expect(out).toContain(`nats -s ${up?.url} pub yard.submit.transcode`);
    expect(talk).toMatch(/^worker-1 │ worker worker-1 .* takes noop with 12 slots$/m);
    expect(talk).toMatch(/^master-1 │ worker worker-1 .* has left$/m);
    expect(up === undefined || (await isRunning(up))).toBe(false);
  });

  test('`yard up --brokers 3 --masters 3 --workers 4` starts all of it, restarts a broker when asked to, and leaves nothing', async () => {
    await using folder = await scratch();
    await using shell = new Shell(folder.path, {});
    const counts = ['--brokers', '3', '--masters', '3', '--workers', '4'];
    const running = shell.start('up', '--free-ports', ...counts, '--types', 'noop');
    await running.says('stop');
    const up = await upIn(folder);
    expect(await shell.yard('submit', 'noop', '--wait')).toMatchObject({ code: 0 });
    expect((await shell.yard('status')).out).toMatch(/^brokers +3 of 3 /m);
    const listed = (await shell.yard('broker', 'list')).out.trim().split('\n');
    const named = listed.map((line) => line.split(/ +/)).map(([name, , , keeps]) => `${name} ${keeps}`);
    expect(named).toEqual(['NAME KEEPS', ...[1, 2, 3].map((n) => `yard-broker-${n} 8`)]);
    const restart = shell.yard('broker', 'restart', 'broker-2');
    expect(await shell.yard('submit', 'noop', '--wait')).toMatchObject({ code: 0 });
    expect(await restart).toMatchObject({ code: 0, out: 'yard-broker-2 is back and has everything\n' });
    const [one, , three] = up?.brokers ?? [];
    const now = () => upIn(folder).then((file) => file?.brokers ?? []);
    await until(async () => (await now())[1] !== up?.brokers?.[1] && (await now()).length === 3, 'up.json to say so');
    const [, two] = await now();
    expect(await now()).toEqual([one, two, three]);
    expect(await shell.yard('broker', 'restart', 'nobody')).toMatchObject({ code: 2 });
    running.signal('SIGINT');
    const { code, out, talk } = await running.ended;
    expect(code).toBe(0);
    expect(out).toContain('Yardmaster is up: 3 brokers, 3 masters, 4 workers.');
    expect(out).toContain(`nats -s ${up?.url} pub yard.submit.transcode`);
    expect(talk).toMatch(/^master-1 │ nats-server .* runs in a cluster; 2\.14\.4 or newer is advised there$/m);
    await gone([two ?? 0, ...(up?.brokers ?? [0]), ...(up?.masters ?? [0]), ...(up?.workers ?? [0])]);
  });

  test('`yard up --detach` returns when it is ready, and `yard down` takes all of it down', async () => {
    await using folder = await scratch();
    await using shell = new Shell(folder.path, {});
    const started = await shell.yard('up', '--detach', '--free-ports', '--workers', '1', '--types', 'noop');
    expect(started).toMatchObject({ code: 0, talk: '' });
    expect(started.out).toMatch(/stop +yard down$/m);
    const up = await upIn(folder);
    expect(await shell.yard('submit', 'noop', '--wait')).toMatchObject({ code: 0 });
    const second = await shell.yard('up', '--free-ports');
    expect(second).toMatchObject({ code: 1, talk: expect.stringContaining(`process ${up?.pid} at ${up?.url}`) });
    expect(await shell.yard('down')).toMatchObject({
      code: 0,
      talk: `Stopped the cluster in ${join(folder.path, '.yard')}.\n`,
    });
    await gone([up?.pid, ...(up?.masters ?? [0]), ...(up?.workers ?? [0])]);
    expect(await readFile(join(folder.path, '.yard', 'logs', 'worker-1.log'), 'utf8')).toContain('worker.started');
  });

  test('`yard down` where nothing runs says so, and that is no failure', async () => {
    await using folder = await scratch();
    await using shell = new Shell(folder.path, {});
    expect(await shell.yard('down')).toEqual({
      code: 0,
      out: '',
      talk: `No cluster runs in ${join(folder.path, '.yard')}.\n`,
    });
  });

  test('`yard down` that waits in vain says so, and `--now` does not wait for jobs', async () => {
    await using folder = await scratch();
    await using shell = new Shell(folder.path, {});
    await shell.yard('up', '--detach', '--free-ports', '--workers', '1', '--types', 'sleeper');
    const up = await upIn(folder);
    await shell.yard('submit', 'sleeper', '{"executionTimeMs":600000}', '--id', 'long');
    await using yard = await connect({ servers: up?.url ?? '' });
    for await (const { to } of yard.watch('long')) if (to === 'processing') break;
    const patient = await shell.yard('down', '--wait', '200ms');
    expect(patient).toMatchObject({ code: 6, talk: expect.stringContaining('`yard down --now`') });
    await yard.close();
    expect(await shell.yard('down', '--now')).toMatchObject({ code: 0 });
    await gone([up?.pid]);
  });

  test('a detached cluster that does not come up says why', async () => {
    await using folder = await scratch();
    await using shell = new Shell(folder.path, {});
    const { code, talk } = await shell.yard('up', '--detach', '--free-ports', '--types', 'nonsense');
    expect(code).toBe(1);
    expect(talk).toContain('got `nonsense`');
  });

  test('no process outlives a `yard up` that was killed with SIGKILL', async () => {
    await using folder = await scratch();
    await using shell = new Shell(folder.path, {});
    const running = shell.start('up', '--free-ports', '--workers', '2', '--types', 'noop');
    await running.says('stop');
    const up = await upIn(folder);
    const broker = Number(await readFile(join(folder.path, '.yard', 'nats-server.pid'), 'utf8'));
    running.signal('SIGKILL');
    await running.ended;
    await gone([broker, ...(up?.masters ?? [0]), ...(up?.workers ?? [0])]);
    expect(await upIn(folder)).toBeUndefined();
  });
});
