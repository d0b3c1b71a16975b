/** `yard audit` as an operator types it: no master is needed, and scripts see by the exit code whether all agrees. */

import { Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Scratch, scratch, type TestBroker, testBroker } from '../nats/broker.ts';
import { Shell } from './command.ts';

let broker: TestBroker;
let directory: Scratch;
let shell: Shell;

beforeAll(async () => {
  [broker, directory] = await Promise.all([testBroker(), scratch()]);
  shell = new Shell(directory.path, { NATS_URL: broker.url });
  await shell.yard('submit', 'noop', '--id', 'sound', '--hold');
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
  await broker[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

test('tells all totals and ends with 0 while all agrees', async () => {
  const [table, json] = await Promise.all([shell.yard('audit'), shell.yard('audit', '-o', 'json')]);
  expect(table).toMatchObject({ code: 0, talk: expect.stringMatching(/without a trace.*All agrees\.\n$/s) });
  expect(table.out).toMatch(/^submitted +0, .*^ {2}missing +0$.*^jobs +1: 0 settled, 1 open$.*^lease +nobody leads$/ms);
  expect(json).toMatchObject({ code: 0, talk: '' });
  expect(JSON.parse(json.out)).toMatchObject({ agrees: true, jobs: { total: 1, direct: 1 }, discrepancies: [] });
});

test('the log tells who did what, and what was refused', async () => {
  await shell.yard('job', 'redrive', 'sound');
  await shell.yard('job', 'release', 'sound', '-o', 'json');
  const [table, json] = await Promise.all([
    shell.yard('audit', 'log', '--limit', '2'),
    shell.yard('audit', 'log', '--of', 'nobody', '-o', 'json'),
  ]);
  expect(table.out).toMatch(/^ *\d+ +.*@.* +cli +default +job\.release +sound +asked for +-$/m);
  expect(table.talk).toMatch(/^At most 2 are shown; `--before \d+` shows what came before\.$/m);
  expect(JSON.parse(json.out)).toEqual([]);
  const all = await shell.yard('audit', 'log');
  expect(all.out).toMatch(/job\.redrive +sound +refused: job\.refused/m);
});

test('a discrepancy is a line with what was expected, what was met and what to do, and the end is 1', async () => {
  const bucket = await new Kvm(await broker.connect()).open('yard_jobs');
  await bucket.put('default.spoilt', 'nothing');
  const [table, json] = await Promise.all([shell.yard('audit'), shell.yard('audit', '-o', 'json')]);
  expect(table).toMatchObject({ code: 1, talk: expect.stringMatching(/^1 discrepancy\.$/m) });
  expect(table.out).toMatch(/^OF +WHAT +EXPECTED +MET +TO DO$/m);
  expect(table.out).toMatch(
    /^default\.spoilt +record unreadable +a record of a job +Expected .* +Put its former text back/m,
  );
  expect(json.code).toBe(1);
  expect(JSON.parse(json.out)).toMatchObject({
    agrees: false,
    discrepancies: [{ of: 'default.spoilt', what: 'record unreadable' }],
  });
});
