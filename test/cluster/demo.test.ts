/** The demonstration, as a person runs it: what it shows is true, and nothing is left of it. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { Stage } from '../../cluster/stage.ts';
import { readUpFile } from '../../cluster/up-file.ts';
import { connect } from '../../sdk/index.ts';
import { Shell } from '../doors/command.ts';
import { type Scratch, scratch } from '../nats/broker.ts';
import { gone, processesWith } from './gone.ts';

const told = z.strictObject({
  jobs: z.array(
    z.strictObject({
      id: z.string(),
      type: z.string(),
      queue: z.string(),
      priority: z.string(),
      state: z.literal('completed'),
      attempts: z.int(),
      quality: z.record(z.string(), z.number()).nullable(),
      joules: z.number().nullable(),
    }),
  ),
  seconds: z.number().positive(),
});

/** What lies in the folder, but for Node's own cache, which is for the next time. */
async function leftIn({ path }: Scratch): Promise<string[]> {
  return (await readdir(path)).filter((name) => name !== 'node-compile-cache');
}

test('it tells one JSON object, every claim in it holds, and nothing is left behind', async () => {
  await using folder = await scratch();
  await using shell = new Shell(folder.path, { TMPDIR: folder.path, NATS_CONTEXT: 'elsewhere', YARD_PREFIX: 'other' });
  const { code, out, talk } = await shell.start('demo', '--json').ended;
  expect(talk).not.toMatch(/^yard: /m);
  expect(code).toBe(0);
  const { jobs, seconds } = told.parse(JSON.parse(out));
  const transcodes = jobs.filter(({ type }) => type === 'transcode');
  expect(transcodes).toHaveLength(10);
  for (const { quality, joules } of transcodes) {
    expect(Object.keys(quality ?? {}).length).toBeGreaterThan(0);
    expect(joules).toBeGreaterThan(0);
  }
  expect(new Set(jobs.map(({ queue }) => queue))).toEqual(new Set(['live', 'default', 'batch']));
  const byId = new Map(jobs.map((job) => [job.id, job]));
  expect(byId.get('live-critical')?.attempts).toBe(2);
  expect(byId.get('flaky')).toMatchObject({ attempts: 3, quality: null, joules: null });
  expect(byId.get('needs-a-gpu')?.attempts).toBe(1);
  expect(seconds).toBeLessThan(120);
  expect(await leftIn(folder)).toEqual([]);
  expect(processesWith(folder.path)).toEqual([]);
});

test('Ctrl-C in the middle ends it with 130, and nothing is left behind', async () => {
  await using folder = await scratch();
  await using shell = new Shell(folder.path, { TMPDIR: folder.path });
  const running = shell.start('demo');
  await running.says('was killed with SIGKILL');
  const processes = processesWith(folder.path);
  expect(processes.length).toBeGreaterThan(2);
  running.signal('SIGINT');
  expect((await running.ended).code).toBe(130);
  await gone(processes);
  expect(await leftIn(folder)).toEqual([]);
});

test('with a short file of one’s own and --keep, the cluster stays with its jobs until it is stopped', async () => {
  await using folder = await scratch();
  await using shell = new Shell(folder.path, { TMPDIR: folder.path });
  await new Stage().makeClip({ path: join(folder.path, 'own.mp4'), seconds: 5, width: 480, height: 270, fps: 30 });
  const { code, out, talk } = await shell.start('demo', '--input', 'own.mp4', '--keep').ended;
  expect(talk).toBe('');
  expect(code).toBe(0);
  expect(out).toMatch(/^live-critical +transcode +live +critical +completed +2 +worker-\d .*(vmaf|ssim) /m);
  const data = /yard down --data (\S+)/.exec(out)?.[1] ?? '';
  const up = await readUpFile(data);
  {
    await using yard = await connect({ servers: up?.url ?? '' });
    expect(await yard.census()).toMatchObject({ total: 12 });
    const job = await yard.submit('noop');
    expect(await job.settled({ timeoutMs: 20_000 })).toMatchObject({ state: 'completed' });
  }
  expect((await shell.yard('down', '--data', data)).code).toBe(0);
  await gone([up?.pid, ...(up?.masters ?? [0]), ...(up?.workers ?? [0])]);
});

test.each([
  ['nothing.mp4', '/nothing.mp4.'],
  ['.', 'Expected a media file'],
])('an input that is no video is refused before anything starts: %s', async (input, sentence) => {
  await using folder = await scratch();
  await using shell = new Shell(folder.path, { TMPDIR: folder.path });
  const { code, out, talk } = await shell.yard('demo', '--input', input);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(talk).toContain(sentence);
});
