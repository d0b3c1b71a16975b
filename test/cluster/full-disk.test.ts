/** A disk that is really full, a small one of the test's own: refusals before it is, and recovery by itself after it was. */

import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { diskOf } from '../../cluster/disk-gauge.ts';
import { readSettings } from '../../cluster/settings.ts';
import { type Cluster, startCluster } from '../../cluster/up.ts';
import { connect, type Yard } from '../../sdk/index.ts';
import { Shell } from '../doors/command.ts';
import { scraped } from '../doors/scraped.ts';
import { type Scratch, scratch } from '../nats/broker.ts';
import { until } from './gone.ts';

const run = promisify(execFile);
const mebibyte = 1_048_576;
const handlers = new URL('./jobs.ts', import.meta.url).pathname;
const note = 'x'.repeat(50_000);

/** A disk of 256 MiB; `undefined` where such a process may not mount one. */
async function smallDisk(): Promise<Scratch | undefined> {
  const folder = await scratch();
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=256m', 'tmpfs', folder.path]);
  } catch {
    await folder[Symbol.asyncDispose]();
    return undefined;
  }
  const unmount = async () => {
    await run('umount', ['--lazy', folder.path]);
    await folder[Symbol.asyncDispose]();
  };
  return { path: folder.path, [Symbol.asyncDispose]: unmount };
}

const disk = await smallDisk();

/** What somebody else writes to the disk, so that so many bytes are left. */
async function leave(folder: string, bytes: number): Promise<void> {
  const balloon = join(folder, `balloon-${bytes}`);
  const { free } = (await diskOf(folder)) ?? { free: 0 };
  await writeFile(balloon, Buffer.alloc(Math.max(0, free - bytes))).catch(() => undefined);
}

async function makeRoom(folder: string): Promise<void> {
  for (const bytes of [32 * mebibyte, 0]) await rm(join(folder, `balloon-${bytes}`), { force: true });
}

/** Submits jobs of 50 kB that wait, until one is refused: what was acknowledged, and why no more was. */
async function fill(yard: Yard): Promise<{ kept: string[]; why: unknown }> {
  const kept: string[] = [];
  for (;;) {
    try {
      kept.push((await yard.submit('mark', { note })).id);
    } catch (why) {
      return { kept, why };
    }
  }
}

test.skipIf(disk === undefined)(
  'a disk that fills is told of before it is full, and one that was full costs nothing: all go on by themselves when there is room',
  async () => {
    await using folder = disk ?? (await scratch());
    await using elsewhere = await scratch();
    const said: string[] = [];
    const hears = (text: string | RegExp) => until(async () => said.some((line) => line.match(text)), String(text));
    const flags = {
      port: 'free',
      monitorPort: 'free',
      mqttPort: 'free',
      metricsPort: 'free',
      types: 'mark',
      handlers,
      workers: '1',
      slots: '1',
    };
    const settings = { flags: { ...flags, data: join(folder.path, '.yard') }, env: {}, directory: folder.path };
    const onLine = (_: string, line: string) => void said.push(line);
    await using cluster: Cluster = await startCluster({
      options: readSettings(settings, 'up'),
      onLine,
      env: { ...process.env, EFFECTS: join(elsewhere.path, 'effects') },
      say: (sentence) => void said.push(sentence),
    });
    await using yard = await connect({ servers: cluster.url });
    const running = await yard.submit('mark', { ms: 10_000 });
    await leave(folder.path, 32 * mebibyte);
    const isNoted = async () => ((await yard.brokers()).store?.most ?? mebibyte * 100) < 12 * mebibyte;
    await until(isNoted, 'the disk to be noted');
    const { kept, why } = await fill(yard);
    expect(why).toMatchObject({
      code: 'store.full',
      message: expect.stringMatching(
        /^Expected room for another job, got a broker whose disk is nearly full: .*Make room/,
      ),
    });
    expect(kept.length).toBeGreaterThan(10);
    // Who submits counts ahead of what lies there, and may refuse while there is room yet.
    const isTold = async () => {
      kept.push(...(await fill(yard)).kept);
      return said.some((line) => line.includes('is nearly full, '));
    };
    await until(isTold, 'the disk to be told of as nearly full');
    await using shell = new Shell(folder.path, { NATS_URL: cluster.url });
    expect((await shell.yard('status')).out).toMatch(
      /the store of jobs is \d+ % full of the \d+ MiB that the broker's disk allows/,
    );
    await leave(folder.path, 0);
    await hears('The broker could not write and stores nothing more: ');
    await hears('"event":"broker.stuck"');
    await hears('"event":"store.filling"');
    // Of the one broker that there is, once: it has not been restarted yet, or just was.
    for (const { metrics } of await yard.masters())
      expect((await scraped({ url: metrics ?? '' })).get('yard_brokers_stuck_total')).toBe(1);
    expect(await yard.job(running.id)).toMatchObject({ state: 'processing' });
    await makeRoom(folder.path);
    await hears('The broker is started anew');
    await hears('"event":"broker.unstuck"');
    for (const id of [running.id, ...kept])
      expect(await yard.settled(id, { timeoutMs: 60_000 })).toMatchObject({ id, state: 'completed', attempts: [{}] });
    await hears('has room again: new jobs are taken in');
    const isTaken = () =>
      yard.submit('mark', { note }, { id: 'fresh' }).then(
        () => true,
        () => false,
      );
    await until(isTaken, 'room for another job');
    expect(await yard.settled('fresh', { timeoutMs: 20_000 })).toMatchObject({ state: 'completed' });
  },
  120_000,
);
