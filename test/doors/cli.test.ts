/** The command `yard` as people and scripts meet it: real processes, a real broker. */

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { headers } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { removeUpFile, writeUpFile } from '../../cluster/up-file.ts';
import { connect, type Yard } from '../../sdk/index.ts';
import { type Scratch, scratch, type TestBroker, testBroker } from '../nats/broker.ts';
import { type Running, Shell } from './command.ts';

const examples = resolve(import.meta.dirname, '../../examples');

let broker: TestBroker;
let directory: Scratch;
let shell: Shell;
let yard: Yard;
let master: Running;
let worker: Running;

beforeAll(async () => {
  [broker, directory] = await Promise.all([testBroker(), scratch()]);
  shell = new Shell(directory.path, { NATS_URL: broker.url });
  master = shell.start('master', '--name', 'chief', '--scheduler-interval', '200ms');
  worker = shell.start(
    'worker',
    '--name',
    'hand',
    '--types',
    'noop,sleeper,always_fail,greet,checksum',
    '--handlers',
    join(examples, 'jobs.ts'),
  );
  await Promise.all([master.says('leader.elected'), worker.says('worker.started')]);
  yard = await connect({ servers: broker.url });
});

afterAll(async () => {
  await yard.close();
  await shell[Symbol.asyncDispose]();
  await broker[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const anyEvent = z.looseObject({ id: z.string(), cursor: z.string() });
const anyRecord = z.looseObject({ id: z.string(), state: z.string() });

describe('what is typed', () => {
  test('is completed by the shell: commands and flags, as they are', async () => {
    const flags = await shell.yard('complete', '--', 'queue', 'set', '--m');
    expect(flags.out).toMatch(/^--mode\t.*\n--max-active\t.*\n--may-evict\t/m);
    expect((await shell.yard('complete', '--', 'job', 're')).out.match(/^\w+/gm)).toEqual([
      'release',
      'retry',
      'redrive',
      'reschedule',
      'result',
    ]);
    const { out: script } = await shell.yard('completion', 'bash');
    const { stdout } = await promisify(execFile)('bash', ['-c', `${script}\ncomplete -p yard`]);
    expect(stdout).toMatch(/^complete .*-F __yard_complete.* yard$/m);
    const wrong = await shell.yard('completion', 'tcsh');
    expect(wrong).toMatchObject({ code: 2, talk: expect.stringContaining('zsh, bash, fish, powershell') });
    expect((await shell.yard('--help')).out).toMatch(/^ {2}completion <shell> /m);
  });

  test('help names every command, and version tells one', async () => {
    const [help, version] = await Promise.all([shell.yard('--help'), shell.yard('--version')]);
    expect(help.code).toBe(0);
    for (const command of ['up', 'down', 'master', 'worker', 'submit', 'status', 'job', 'rejected', 'config'])
      expect(help.out).toMatch(new RegExp(`^ {2}${command}\\b`, 'm'));
    expect(version).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  test.concurrent.each([
    [['sumbit', 'noop'], 'Did you mean submit?'],
    [['job', 'lits'], 'Did you mean list?'],
    [['submit', 'noop', '--prioritty', 'high'], 'Did you mean --priority?'],
    [['worker', 'lsit'], 'got `yard worker lsit`'],
    [['master', 'setp-down'], 'got `yard master setp-down`'],
    [['submit', 'nop'], 'Did you mean noop?'],
    [['submit', 'noop', '{bad'], 'Expected the payload to be JSON, got `{bad`'],
    [['submit', 'noop', '--priority', 'hgih'], 'Expected `--priority` to be critical, high, medium or low, got `hgih`'],
    [['submit', 'sleeper', '{"executionTimeMs":"long"}'], 'Expected a payload of type sleeper'],
    [['job', 'list', '--state', 'doomed'], 'got `doomed`'],
    [['job', 'get', '*'], 'Expected a job id'],
    [['worker', '--concurrency', '0'], 'Expected `--concurrency` to be a whole number from 1 up, got 0.'],
    [['worker', '--handlers', 'nowhere.ts'], 'Expected `--handlers` to be a file that can be imported'],
    [['worker', '--types', 'dance'], 'Expected `--types` that this worker has handlers for'],
    [['status', '--output', 'yaml'], 'Allowed choices are table, wide, json'],
  ])('a mistake is told in a line and ends with 2: yard %j', async (words, sentence) => {
    const { code, out, talk } = await shell.yard(...words);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(talk).toContain(sentence);
    expect(talk.split('\n').filter((line) => line !== '' && !line.startsWith('{'))).toHaveLength(1);
  });

  test('where no broker answers, it ends with 5 and says what to do', async () => {
    const { code, talk } = await shell.yard('status', '--nats', 'nats://127.0.0.1:1');
    expect(code).toBe(5);
    expect(talk).toContain('Expected a broker at nats://127.0.0.1:1');
    expect(talk).toContain('`yard up`');
    expect(talk).toContain('NATS_URL');
  });

  test('a backup that is not whole is refused before it is looked for a broker, so that no stream is made for it', async () => {
    const file = join(directory.path, 'broken.gz');
    await writeFile(file, 'no backup');
    const { code, talk } = await shell.yard('restore', file, '--nats', 'nats://127.0.0.1:1');
    expect(code).toBe(1);
    expect(talk).toContain('to be a whole backup of format 1');
  });

  test('where the broker turns us away, it ends with 4', async () => {
    await using guarded = await testBroker({ settings: { authorization: { token: 's3cret' } } });
    const refused = await shell.yard('status', '--nats', guarded.url, '--token', 'wrong');
    expect(refused).toMatchObject({ code: 4, out: '' });
    expect(refused.talk).not.toContain('wrong');
  });
});

describe('yard submit', () => {
  test('prints the id and nothing else; the same id again is the same job, with other content a failure', async () => {
    const first = await shell.yard('submit', 'noop', '{"executionTimeMs":1}', '--id', 'mine', '--tags', 'a,b');
    const again = await shell.yard(
      'submit',
      'noop',
      '{"executionTimeMs":1}',
      '--id',
      'mine',
      '--tags',
      'a,b',
      '-o',
      'json',
    );
    const other = await shell.yard('submit', 'noop', '{"executionTimeMs":2}', '--id', 'mine');
    expect(first).toMatchObject({ code: 0, out: 'mine\n', talk: '' });
    expect(JSON.parse(again.out)).toEqual({ id: 'mine', created: false, durability: 'fast' });
    expect(other).toMatchObject({ code: 1, out: '', talk: expect.stringContaining('other content under the same id') });
    expect(await yard.settled('mine')).toMatchObject({ tags: ['a', 'b'], payload: { executionTimeMs: 1 } });
  });

  test('reads the payload from a pipe and says everything that a job may be told', async () => {
    const words =
      '--queue live --priority high --delay 1h --max-attempts 7 --backoff fixed(5s) --timeout none --gpu 1 --encoder h264_nvenc --labels zone=eu --version >=2 --name Trailer --hold';
    const { out } = await shell.yardReading('{"executionTimeMs":7}', 'submit', 'sleeper', '-', ...words.split(' '));
    const record = await yard.job(out.trim());
    expect(record).toMatchObject({
      state: 'held',
      name: 'Trailer',
      queue: 'live',
      priority: 'high',
      payload: { executionTimeMs: 7 },
      requirements: { gpu: 1, encoder: 'h264_nvenc', labels: { zone: 'eu' }, version: '>=2' },
      context: { maxAttempts: 7, backoff: { kind: 'fixed', delayMs: 5_000 } },
    });
    expect(record).not.toHaveProperty('timeoutMs');
  });

  test('with --wait it follows the job, and its end is the exit code', async () => {
    const [done, failed, late] = await Promise.all([
      shell.yard('submit', 'noop', '--wait'),
      shell.yard('submit', 'always_fail', '{"retryable":false}', '--wait', '-o', 'json'),
      shell.yard('submit', 'noop', '--delay', '1h', '--wait', '--timeout-wait', '100ms'),
    ]);
    expect(done).toMatchObject({ code: 0, out: expect.stringMatching(/^\w+\n$/) });
    expect(done.talk).toMatch(/processing → completed.*is completed after/s);
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.out)).toMatchObject({ state: 'failed', context: { error: { kind: 'error' } } });
    expect(late).toMatchObject({ code: 6, talk: expect.stringContaining('to be settled within 100 ms') });
  });
});

describe('yard job', () => {
  test('list shows what was asked for, in columns and as JSON', async () => {
    await yard.submit('noop', {}, { id: 'listed', queue: 'shelf', tags: ['blue'], name: 'On the shelf', hold: true });
    const [table, json, none, searched] = await Promise.all([
      shell.yard('job', 'list', '--queue', 'shelf', '--state', 'held,failed', '--type', 'noop', '--tag', 'blue'),
      shell.yard('jobs', '--queue', 'shelf', '--limit', '5', '-o', 'json'),
      shell.yard('job', 'list', '--queue', 'shelf', '--state', 'failed'),
      shell.yard('job', 'list', '--search', 'on shelf', '--sort', 'created', '-o', 'json'),
    ]);
    expect(z.array(anyRecord).parse(JSON.parse(searched.out))).toMatchObject([{ id: 'listed' }]);
    expect(table.out.split('\n')).toHaveLength(3);
    expect(table.out).toMatch(/^ID +TYPE +STATE +QUEUE +PRIORITY/);
    expect(table.out).toMatch(/^listed +noop +held +shelf +medium +0\/4 +\d+s ago +\d+s ago +On the shelf$/m);
    expect(z.array(anyRecord).parse(JSON.parse(json.out))).toMatchObject([{ id: 'listed', state: 'held' }]);
    expect(none).toMatchObject({ code: 0, out: '', talk: 'No such jobs.\n' });
  });

  test('list goes on where another one ended, and shows all to who asks for all', async () => {
    const ids = ['paged-1', 'paged-2', 'paged-3'];
    for (const id of ids) await yard.submit('noop', {}, { id, queue: 'paged', hold: true });
    const flags = ['job', 'list', '--queue', 'paged', '--sort', 'created', '-o', 'name'];
    const first = await shell.yard(...flags, '--limit', '2');
    expect(first.out).toBe('paged-1\npaged-2\n');
    const [, cursor = ''] = /At most 2 are shown; .*`--cursor (\S+)`/.exec(first.talk) ?? [];
    expect(await shell.yard(...flags, '--cursor', cursor)).toMatchObject({ out: 'paged-3\n', talk: '' });
    expect(await shell.yard(...flags, '--all')).toMatchObject({ out: `${ids.join('\n')}\n`, talk: '' });
    const wrong = await shell.yard(...flags, '--cursor', 'yesterday');
    expect(wrong).toMatchObject({ code: 2, out: '' });
  });

  test('get tells all of a job, and why it waits', async () => {
    const { id } = await yard.submit('noop', {}, { gpu: 2, priority: 'low' });
    await expect.poll(() => yard.why(id)).toMatchObject({ code: 'no worker has it' });
    const [page, json] = await Promise.all([shell.yard('job', 'get', id), shell.yard('job', 'get', id, '-o', 'json')]);
    expect(page.out).toContain('No worker has 2 GPUs.');
    expect(page.out).toMatch(/submitted → pending/);
    expect(page.out).toMatch(/^needs +gpu 2$/m);
    expect(JSON.parse(json.out)).toMatchObject({ id, why: { code: 'no worker has it' }, requirements: { gpu: 2 } });
  });

  test.each([['get'], ['watch'], ['cancel'], ['logs']])('%s of a job that is not there ends with 3', async (verb) => {
    const { code, out, talk } = await shell.yard('job', verb, 'nobody');
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(talk).toContain('Expected a job with id nobody, found none.');
  });

  test('watch draws the transitions of a running job as they happen, to its cancellation', async () => {
    const { id } = await yard.submit('sleeper', { executionTimeMs: 60_000 });
    const watch = shell.start('job', 'watch', id);
    const lines = shell.start('job', 'watch', id, '-o', 'json');
    await watch.says('assigned → processing');
    const cancelled = await shell.yard('job', 'cancel', id, '--reason', 'enough');
    expect(cancelled).toMatchObject({ code: 0, out: expect.stringContaining('its worker is told to stop it') });
    const { code, out, talk } = await watch.ended;
    expect(code).toBe(1);
    expect(out).toMatch(/job\.cancel: enough.*processing → cancelling.*cancelling → cancelled/s);
    expect(talk).toContain(`Job ${id} is cancelled after`);
    const events = (await lines.ended).out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toMatchObject((await yard.job(id))?.transitions.map((transition) => ({ id, ...transition })) ?? []);
  });

  test('watch without an id draws those of all jobs that pass the filter, and goes on behind an event', async () => {
    const { cursor } = await yard.events();
    for (const id of ['seen-1', 'seen-2']) {
      await yard.submit('noop', {}, { id });
      await yard.settled(id, { timeoutMs: 30_000 });
    }
    const flags = ['--id-prefix', 'seen', '--state', 'completed'];
    const all = shell.start('job', 'watch', ...flags, '--after', cursor, '-o', 'jsonl');
    await all.says('seen-2');
    all.signal('SIGINT');
    const { code, out } = await all.ended;
    expect(code).toBe(130);
    const [first, second] = out
      .trimEnd()
      .split('\n')
      .map((line) => anyEvent.parse(JSON.parse(line)));
    expect([first?.id, second?.id]).toEqual(['seen-1', 'seen-2']);
    const rest = shell.start('job', 'watch', ...flags, '--after', first?.cursor ?? '');
    await rest.says('seen-2');
    rest.signal('SIGINT');
    expect((await rest.ended).out).toMatch(/^.*processing → completed +seen-2 {2}noop {2}attempt.completed\n$/);
    expect(await shell.yard('job', 'watch', 'seen-1', '--queue', 'live')).toMatchObject({ code: 2 });
  });

  test('cancel stops a waiting job at once, and says where it is too late', async () => {
    const { id } = await yard.submit('noop', {}, { delay: '1h' });
    expect(await shell.yard('job', 'cancel', id)).toMatchObject({ code: 0, out: `Job ${id} is cancelled.\n` });
    const done = await yard.submit('noop');
    await done.settled();
    const late = await shell.yard('job', 'cancel', done.id, '-o', 'json');
    expect(late).toMatchObject({ code: 1, out: '', talk: expect.stringContaining('which is completed') });
  });

  test('an interrupted watch ends with 130, and the job goes on', async () => {
    const { id } = await yard.submit('noop', {}, { delay: '1h' });
    const watch = shell.start('job', 'watch', id);
    await watch.says('submitted → scheduled');
    watch.signal('SIGINT');
    expect((await watch.ended).code).toBe(130);
    expect((await yard.job(id))?.state).toBe('scheduled');
  });
});

describe('yard load', () => {
  test('submits its mix, waits for the end, and tells from the records how it went', async () => {
    const mix = ['--pct-sleep', '10', '--sleep-ms', '40', '--pct-fail', '2', '--queue', 'mixed'];
    const { code, out } = await shell.yard('load', '-n', '50', '-w', '4', ...mix, '-o', 'json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ jobs: 50, failedPercent: 2, retries: 3, reaped: 0, wrong: [] });
    expect(JSON.parse(out).runMs.p95).toBeGreaterThanOrEqual(40);
    const records = await Array.fromAsync(yard.jobs({ queue: 'mixed' }));
    const count = (type: string) => records.filter((record) => record.type === type).length;
    expect([count('noop'), count('sleeper'), count('always_fail')]).toEqual([44, 5, 1]);
  });

  test.each([
    [['--pct-noop', '50'], 'to add up to 100, got 50'],
    [['-n', '0'], 'Expected --jobs to be a whole number from 1 to 1000000, got `0`'],
  ])('with %j it says what was expected', async (words, sentence) => {
    expect(await shell.yard('load', ...words)).toMatchObject({ code: 2, talk: expect.stringContaining(sentence) });
  });
});

test('what nobody has limited is said so, and is not deleted', async () => {
  const [list, gone] = await Promise.all([shell.yard('limit', 'list'), shell.yard('limit', 'delete', 'api.nobody')]);
  expect(list).toMatchObject({ code: 0, out: '', talk: expect.stringContaining('yard limit set') });
  expect(gone).toMatchObject({ code: 3, talk: expect.stringContaining('See `yard limit list`.') });
});

describe('yard dead', () => {
  test('groups failed jobs by what went wrong, lists a group, and redrives a sample of it', async () => {
    const options = { maxAttempts: 1, queue: 'graves' };
    const jobs = await yard.submitMany([1, 2].map(() => ({ type: 'always_fail', options })));
    await Promise.all(jobs.map(({ id }) => yard.settled(id)));
    const [group] = JSON.parse((await shell.yard('dead', 'groups', '-o', 'json')).out).filter(
      ({ byQueue }: { byQueue: Record<string, number> }) => byQueue['graves'] !== undefined,
    );
    expect(group).toMatchObject({ type: 'always_fail', kind: 'error', byQueue: { graves: 2 } });
    const [table, list, dry] = await Promise.all([
      shell.yard('dead', 'groups'),
      shell.yard('dead', 'list', group.id),
      shell.yard('dead', 'redrive', group.id, '--dry-run'),
    ]);
    expect(table.out).toMatch(new RegExp(`^${group.id} +\\d+ +always_fail +error .*Failed on purpose`, 'm'));
    const [urgent, ...rest] = await Promise.all([
      shell.yard('dead', 'list', '--queue', 'graves', '--priority', 'high'),
      shell.yard('dead', 'list', '--queue', 'graves', '--priority', 'medium'),
      shell.yard('dead', 'groups', '--queue', 'graves'),
      shell.yard('job', 'get', jobs[0]?.id ?? ''),
    ]);
    expect(urgent).toMatchObject({ code: 0, out: '', talk: 'No such job has failed.\n' });
    expect(rest[0]?.out.match(/always_fail/g)).toHaveLength(2);
    expect(rest[1]?.out).toMatch(new RegExp(`^${group.id} +2 +always_fail`, 'm'));
    expect(rest[2]?.out).toMatch(/^ +1 +hand \([a-z0-9]+\) +\d{4}-.* failed +Failed on purpose/m);
    expect(rest[2]?.out).toMatch(/^LAST ERROR\nJobError: Failed on purpose[^\n]*\n +at /m);
    for (const { id } of jobs) expect(list.out).toMatch(new RegExp(`^${id} +always_fail +graves`, 'm'));
    expect(dry.out).toBe(`${group.count} jobs match; nothing was done. Without \`--dry-run\`: redrive.\n`);
    const redriven = await shell.yard('dead', 'redrive', group.id, '--sample', '1', '--rate', '100');
    expect(redriven).toMatchObject({ code: 0, out: 'redrive: 1 of 1 jobs done, 0 refused.\n' });
    await expect.poll(() => generations(jobs.map(({ id }) => id))).toEqual([1, 2]);
  });

  test('without a group, a sample or --all it does nothing, and of a group that is none it says so', async () => {
    expect(await shell.yard('dead', 'redrive')).toMatchObject({ code: 2, talk: expect.stringContaining('got none') });
    const wrong = await shell.yard('dead', 'list', 'nothing');
    expect(wrong.talk).toContain('Expected a group of failed jobs, got `nothing`.');
  });

  async function generations(ids: readonly string[]): Promise<number[]> {
    const records = await Promise.all(ids.map((id) => yard.job(id)));
    return records.map((record) => record?.context.generation ?? 0).sort();
  }
});

describe('the cluster', () => {
  test('status is one screen: who leads, jobs by state, priority and queue, workers by status', async () => {
    const [table, json] = await Promise.all([shell.yard('status'), shell.yard('status', '-o', 'json')]);
    expect(table.code).toBe(0);
    expect(table.out).toMatch(/^leader +chief, term \d+$/m);
    expect(table.out).toMatch(/^workers +1 (available|busy); \d+ of 12 slots taken$/m);
    expect(table.out).toMatch(/^completed +[1-9]\d*$/m);
    expect(table.out).toMatch(/^critical +0 +0 +0 +0 +0$/m);
    expect(table.out).toMatch(/^live +\d+ +0 +0 +0 +0$/m);
    const picture = JSON.parse(json.out);
    expect(picture).toMatchObject({ leader: { name: 'chief' }, workers: [{ name: 'hand' }] });
    expect(picture.jobs.byState.completed).toBeGreaterThan(0);
  });

  test('status without a master tells so and ends with 5', async () => {
    const { code, out, talk } = await shell.yard('status', '--prefix', 'empty', '-o', 'json');
    expect(code).toBe(5);
    expect(JSON.parse(out)).toMatchObject({ leader: null, jobs: { total: 0 } });
    expect(talk).toContain('No master leads.');
  });

  test('a backup is restored under another prefix, and lists and counts are the same there', async () => {
    await (await yard.submit('noop')).settled();
    const file = join(directory.path, 'saved.gz');
    const saved = await shell.yard('backup', file);
    expect([saved.code, saved.out]).toEqual([0, expect.stringContaining(`to ${file}, as of revision`)]);
    const restored = await shell.yard('restore', file, '--prefix', 'empty');
    expect([restored.code, restored.out]).toEqual([0, expect.stringMatching(/^Restored \d+ jobs/)]);
    const list = async (...words: string[]) => {
      const { out } = await shell.yard('job', 'list', '--state', 'completed,failed', '-o', 'json', ...words);
      // By which write a transition was stored is told of this cluster only.
      const records = z.array(anyRecord).parse(JSON.parse(out.replaceAll(/,\s*"revision": \d+/g, '')));
      return records.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    };
    expect((await list('--prefix', 'empty')).length).toBeGreaterThan(0);
    expect(await list('--prefix', 'empty')).toEqual(await list());
    const twice = await shell.yard('restore', file, '--prefix', 'empty');
    expect([twice.code, twice.talk]).toEqual([1, expect.stringContaining('Expected a cluster without jobs')]);
  });

  test('status --watch goes on until it is interrupted', async () => {
    const watch = shell.start('status', '--watch', '-o', 'json');
    await watch.says('"chief"');
    watch.signal('SIGINT');
    expect((await watch.ended).code).toBe(0);
  });

  test('a worker that is drained takes nothing more, and jobs again when it is undrained', async () => {
    const drained = await shell.yard('worker', 'drain', 'hand');
    expect(drained).toMatchObject({ code: 0, out: 'hand takes nothing more, and runs nothing\n' });
    const { id } = await yard.submit('noop');
    await expect.poll(() => yard.why(id)).toMatchObject({ sentence: expect.stringContaining('is draining') });
    expect((await shell.yard('worker', 'list')).out).toMatch(/^hand +draining/m);
    const undrained = await shell.yard('worker', 'undrain', 'hand', '-o', 'json');
    expect(JSON.parse(undrained.out)).toMatchObject({ name: 'hand', status: 'available' });
    await yard.settled(id);
    const wrong = await shell.yard('worker', 'drain', 'hnad');
    expect(wrong).toMatchObject({ code: 3, talk: expect.stringContaining('got hnad. Did you mean hand?') });
  });

  test('worker list tells who works, in columns and as JSON', async () => {
    const [table, json] = await Promise.all([shell.yard('worker', 'list'), shell.yard('nodes', '-o', 'json')]);
    expect(table.out).toMatch(/^NAME +STATUS +SLOTS/);
    expect(table.out).toMatch(/^hand +(available|busy) +\d\/12 .* always_fail,checksum,greet,noop,sleeper$/m);
    expect(JSON.parse(json.out)).toMatchObject([{ name: 'hand', slots: 12, declared: [] }]);
  });

  test('answers come in the form that is asked for', async () => {
    const { out: id } = await shell.yard('submit', 'noop', '--hold', '--tags', 'form,b');
    const of = (...words: string[]) => shell.yard(...words).then(({ out }) => out);
    const jobs = ['jobs', '--tag', 'form', '-o'];
    const forms = ['table', 'wide', 'json', 'jsonl', 'name'].map((form) => of(...jobs, form));
    const [table = '', wide = '', json = '', jsonl = '', name] = await Promise.all(forms);
    expect(name).toBe(id);
    expect(jsonl.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(json)).toEqual([JSON.parse(jsonl)]);
    expect(table).not.toContain('form,b');
    expect(wide).toMatch(/^ID .* WORKER +TAGS +BORN .*\n.* - +form,b +\d{4}-/);
    expect(await of('worker', 'list', '-o', 'name')).toMatch(/^hand$/m);
    expect(await of('nodes', 'describe', 'hand')).toMatch(/^name +hand\n.*^runs +-$/ms);
    expect(await shell.yard('worker', 'get', 'nobody')).toMatchObject({ code: 3 });
    expect(await of('job', 'status', id.trim(), '-o', 'name')).toBe(id);
    expect(await of('job', 'release', id.trim(), '-o', 'name')).toBe(id);
    expect(await of('job', 'get', id.trim(), '-o', 'jsonl')).toMatch(/^\{.*\}\n$/);
    const wrong = await shell.yard('jobs', '-o', 'yaml');
    expect(wrong).toMatchObject({ code: 2, talk: expect.stringContaining('table, wide, json, jsonl, name') });
  });

  test('scale advise tells what is lacking for what waits, and nothing of it once that is there', async () => {
    const { out: id } = await shell.yard('submit', 'noop', '--labels', 'rack=7');
    const needs = async () => JSON.parse((await shell.yard('scale', 'advise', '-o', 'json')).out).demands;
    const ours = { type: 'noop', requirements: { labels: { rack: '7' } } };
    expect(await needs()).toContainEqual(expect.objectContaining({ ...ours, waiting: 1, workers: 0, needed: 1 }));
    const table = await shell.yard('scale', 'advise', '--target', '30s');
    expect(table.out).toMatch(/^noop +1 .* start 1 +labels rack=7$/m);
    const rack = shell.start('worker', '--name', 'rack', '--types', 'noop', '--labels', 'rack=7');
    await yard.settled(id.trim());
    await expect.poll(needs).not.toContainEqual(expect.objectContaining(ours));
    rack.signal('SIGTERM');
    await rack.ended;
  });

  test('rejected list shows what was refused, and why', async () => {
    const connection = await broker.connect();
    const acks = connection.subscribe('yard.ack.upload', { max: 1 });
    connection.publish('yard.submit.noop', '{not json');
    const ref = headers();
    ref.set('Ref', 'upload');
    connection.publish('yard.submit.dance', '{}', { headers: ref });
    for await (const ack of acks) expect(ack.json()).toMatchObject({ ref: 'upload', rejected: expect.any(String) });
    const [table, json] = await Promise.all([
      shell.yard('rejected', 'list'),
      shell.yard('rejected', 'list', '-o', 'json'),
    ]);
    expect(table.out).toMatch(/default\/noop +Expected JSON, got `\{not json`/);
    expect(JSON.parse(json.out)).toMatchObject([{ body: '{not json' }, { reason: expect.stringContaining('`dance`') }]);
  });

  test('config show tells each value and its origin, and no secret', async () => {
    const { out } = await shell.yard('config', 'show', '--password', 's3cret', '--prefix', 'mine');
    expect(out).toMatch(/^password +\*\*\* +flag --password$/m);
    expect(out).toMatch(/^prefix +mine +flag --prefix$/m);
    expect(out).toMatch(/^nats +nats:\/\/\S+ +env NATS_URL$/m);
    expect(out).toMatch(/^concurrency +12 +default$/m);
    expect(out).not.toContain('s3cret');
    const json = await shell.yard('config', 'show', '-o', 'json');
    expect(JSON.parse(json.out)).toContainEqual(
      expect.objectContaining({ name: 'prefix', value: 'yard', origin: 'default' }),
    );
  });

  test('a cluster that `yard up` runs in the same directory is found by itself', async () => {
    const bare = new Shell(directory.path, {});
    const dataDir = join(directory.path, '.yard');
    await writeUpFile(dataDir, { url: broker.url, prefix: 'yard', masters: [], workers: [], startedAt: 0 });
    expect(await bare.yard('status', '-o', 'json')).toMatchObject({ code: 0 });
    expect((await bare.yard('config', 'show')).out).toMatch(new RegExp(`^nats +${broker.url} +yard up`, 'm'));
    await removeUpFile(dataDir);
  });
});

describe('handlers of one’s own', () => {
  test('a worker runs the job types of a file, and the SDK example submits one', async () => {
    const { code, out } = await shell.node(join(examples, 'submit.ts'), 'Grace');
    expect(code).toBe(0);
    expect(out.split('\n').slice(-3)).toEqual(['processing → completed', 'Hello Grace!', '']);
  });

  test('what a handler writes can be read while it runs and afterwards', async () => {
    const { id } = await yard.submit('greet', { name: 'Edsger' });
    expect(await shell.yard('job', 'logs', id, '--follow')).toMatchObject({
      code: 0,
      out: 'Saying hello to Edsger.\n',
    });
    const found = ['hello to .*sger', 'HELLO'].map((grep) =>
      shell.yard('job', 'logs', id, '--grep', grep, '--tail', '3'),
    );
    expect((await Promise.all(found)).map(({ out }) => out)).toEqual(['Saying hello to Edsger.\n', '']);
    expect(await shell.yard('job', 'logs', id, '--grep', '(')).toMatchObject({ code: 2 });
    const json = await shell.yard('job', 'logs', id, '-o', 'json');
    expect(JSON.parse(json.out)).toMatchObject({ attempt: 1, stream: 'stdout', line: 'Saying hello to Edsger.' });
  });

  test('an error that trying again cannot mend ends the job at its first attempt', async () => {
    const job = await yard.submit('checksum', { path: '/nowhere' });
    expect(await job.settled()).toMatchObject({ state: 'failed', queue: 'batch', attempts: { length: 1 } });
    const self = await yard.submit('checksum', { path: join(examples, 'jobs.ts') });
    expect(await self.result()).toMatchObject({ algorithm: 'sha256', hex: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });
});

describe('being stopped', () => {
  test('a worker that is stopped lets its job finish, then goes', async () => {
    const going = shell.start('worker', '--name', 'going', '--types', 'sleeper', '--labels', 'here=going');
    await going.says('worker.started');
    const job = await yard.submit('sleeper', { executionTimeMs: 600 }, { labels: { here: 'going' } });
    for await (const { to } of job.watch()) if (to === 'processing') going.signal('SIGTERM');
    expect(await job.settled()).toMatchObject({ state: 'completed', attempts: { length: 1 } });
    expect((await going.ended).code).toBe(0);
  });

  test('a worker that is stopped a second time hands its job back at once, uncounted', async () => {
    const hasty = shell.start('worker', '--name', 'hasty', '--types', 'sleeper', '--labels', 'here=hasty');
    await hasty.says('worker.started');
    const job = await yard.submit('sleeper', { executionTimeMs: 60_000 }, { labels: { here: 'hasty' } });
    for await (const { to } of job.watch()) if (to === 'processing') break;
    hasty.signal('SIGTERM');
    const connection = await broker.connect();
    for await (const pulse of connection.subscribe('yard.pulse.*')) {
      const { name, status } = pulse.json<{ name: string; status: string }>();
      if (name === 'hasty' && status === 'draining') hasty.signal('SIGTERM');
      if (name === 'hasty' && status === 'offline') break;
    }
    expect((await hasty.ended).code).toBe(0);
    expect(await yard.job(job.id)).toMatchObject({
      context: { attempt: 1, spent: 0 },
      attempts: [{ outcome: 'drained' }],
    });
    await job.cancel();
  });

  test('with a broker that is gone, whatever is stopped still ends', async () => {
    await using gone = await testBroker();
    const deadlines = ['--drain-deadline', '100ms', '--cancel-grace', '100ms'];
    const chief = shell.start('master', '--nats', gone.url);
    const left = shell.start('worker', '--types', 'sleeper', '--nats', gone.url, ...deadlines);
    await Promise.all([chief.says('leader.elected'), left.says('worker.started')]);
    const submitted = await shell.yard('submit', 'sleeper', '{"executionTimeMs":60000}', '--nats', gone.url);
    const watch = shell.start('job', 'watch', submitted.out.trim(), '--nats', gone.url);
    await watch.says('assigned → processing');
    await gone.kill();
    await watch.says('The broker is away');
    for (const each of [watch, left]) each.signal('SIGTERM');
    expect((await watch.ended).code).toBe(130);
    expect(await left.ended).toMatchObject({ code: 1, talk: expect.stringContaining('the broker does not answer') });
    chief.signal('SIGKILL');
  });

  test('masters are listed, and step down when asked: the next one leads, the former stands by', async () => {
    const heir = shell.start('master', '--name', 'heir');
    await heir.says('broker.connected');
    while ((await yard.masters()).length < 2);
    const first = await shell.yard('master', 'step-down');
    expect(first).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^chief stepped down; heir leads, term \d+\n$/),
    });
    const [list, json, status] = await Promise.all([
      shell.yard('master', 'list'),
      shell.yard('master', 'list', '--output', 'json'),
      shell.yard('status'),
    ]);
    expect(list.out).toMatch(/^NAME .*\nheir +leads +leading\.\w+ +\d+ .*\nchief +stands by +standingBy\.\w+ +\d+ /);
    const named = { host: expect.any(String), pid: expect.any(Number), version: expect.any(String) };
    expect(JSON.parse(json.out)).toMatchObject([
      { name: 'heir', leads: true, ...named },
      { name: 'chief', leads: false, ...named },
    ]);
    expect(status.out).toMatch(/standing by +chief\n/);
    const terms = (await shell.yard('master', 'terms')).out;
    expect(terms).toMatch(
      /^ *TERM +LEADER +ELECTED +LED FOR +ENDED *\n *\d+ +heir +\d+s ago +\d+s +- *\n *\d+ +chief .* it was asked to *\n/,
    );
    expect(await shell.yard('master', 'step-down')).toMatchObject({ out: expect.stringContaining('chief leads') });
    heir.signal('SIGTERM');
    expect((await heir.ended).code).toBe(0);
  });

  test('a master that is stopped gives the lease back and ends well; the next one leads at once', async () => {
    const next = shell.start('master', '--name', 'heir');
    await next.says('broker.connected');
    master.signal('SIGTERM');
    const { code, talk } = await master.ended;
    expect(code).toBe(0);
    expect(talk).toContain('leader.steppedDown');
    await next.says('leader.elected');
    expect(await (await yard.submit('noop')).settled()).toMatchObject({ state: 'completed' });
    next.signal('SIGINT');
    expect((await next.ended).code).toBe(0);
  });
});
