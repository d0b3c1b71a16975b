/** The command beside the API: every operation has a command, and every answer every form. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { operations } from '../../doors/api/operations.ts';
import { commandTree, run } from '../../doors/cli/main.ts';
import type { Terminal } from '../../doors/cli/terminal.ts';
import { defineJob, type Yard } from '../../sdk/index.ts';
import { type TestCluster, testCluster } from './cluster.ts';
import { Shell } from './command.ts';

const echo = defineJob({ type: 'echo', payload: z.looseObject({}), run: ({ payload }) => payload });

let cluster: TestCluster;
let yard: Yard;

beforeAll(async () => {
  cluster = await testCluster();
  yard = await cluster.yard();
  await cluster.work([echo], { name: 'hand', concurrency: 3, types: ['echo'] });
});

afterAll(() => cluster[Symbol.asyncDispose]());

/** A terminal that nobody looks at, and what was written there. */
function quiet(): Terminal & { out: string[]; talk: string[] } {
  const out: string[] = [];
  const talk: string[] = [];
  return {
    ...{ out, talk, isInteractive: false, columns: Number.POSITIVE_INFINITY },
    print: (text) => void out.push(text),
    say: (text) => void talk.push(text),
    draw: (text) => void out.push(text),
    style: (_, text) => text,
  };
}

/** `yard` in this process. */
async function typed(...words: string[]) {
  const terminal = quiet();
  const code = await run([...words, '--nats', cluster.broker.url], terminal);
  return { code, out: terminal.out.join('\n'), talk: terminal.talk.join('\n') };
}

/** What does by the command what the operation does; or why nothing does. */
const commandOf: Readonly<Record<string, string | { none: string }>> = {
  submitJob: 'submit',
  submitJobs: { none: 'A shell submits many by a loop, or as a workflow.' },
  listJobs: 'job list',
  getJob: 'job get',
  revealJob: 'job get',
  getLogs: 'job logs',
  getResult: 'job result',
  whyJob: 'job why',
  putInput: 'file put',
  getInput: 'file fetch',
  getOutput: 'file fetch',
  cancelJob: 'job cancel',
  holdJob: 'job hold',
  releaseJob: 'job release',
  retryJob: 'job retry',
  redriveJob: 'job redrive',
  moveJob: 'job move',
  prioritiseJob: 'job priority',
  rescheduleJob: 'job reschedule',
  actOnJobs: 'job cancel',
  listBulk: 'bulk list',
  startBulk: 'job cancel',
  countBulk: 'job cancel',
  getBulk: 'bulk get',
  abortBulk: 'bulk abort',
  submitWorkflow: 'workflow submit',
  listWorkflows: 'workflow list',
  getWorkflow: 'workflow get',
  cancelWorkflow: 'workflow cancel',
  redriveWorkflow: 'workflow redrive',
  listQueues: 'queue list',
  getQueue: 'queue get',
  setQueue: 'queue set',
  pauseQueue: 'queue pause',
  resumeQueue: 'queue resume',
  listLimits: 'limit list',
  setLimit: 'limit set',
  deleteLimit: 'limit delete',
  listTenants: 'tenant list',
  setTenant: 'tenant set',
  listSchedules: 'schedule list',
  getSchedule: 'schedule get',
  addSchedule: 'schedule add',
  editSchedule: 'schedule edit',
  deleteSchedule: 'schedule delete',
  pauseSchedule: 'schedule pause',
  resumeSchedule: 'schedule resume',
  runSchedule: 'schedule run',
  previewSchedule: 'schedule preview',
  scheduleHistory: 'schedule history',
  listWorkers: 'worker list',
  getWorker: 'worker get',
  drainWorker: 'worker drain',
  undrainWorker: 'worker undrain',
  listMasters: 'master list',
  listTerms: 'master terms',
  stepDown: 'master step-down',
  listTypes: 'type list',
  getType: 'type get',
  listMachines: 'machine list',
  getMachine: 'machine diagram',
  getBrokers: 'broker list',
  getCluster: 'status',
  getStats: 'status',
  getLanes: 'top',
  scaleAdvice: 'scale advise',
  listRejected: 'rejected list',
  audit: 'audit',
  listAuditLog: 'audit log',
  listDeadGroups: 'dead groups',
  listDead: 'dead list',
  listDeadOfGroup: 'dead list',
  redriveDead: 'dead redrive',
  listTokens: 'token list',
  createToken: 'token create',
  rotateToken: 'token rotate',
  revokeToken: 'token revoke',
  listWebhooks: 'webhook list',
  getWebhook: 'webhook get',
  addWebhook: 'webhook add',
  testWebhook: 'webhook test',
  removeWebhook: 'webhook remove',
  health: 'doctor',
  ready: 'doctor',
  prometheusTargets: { none: 'It is for Prometheus.' },
};

test('every operation of the API has a command', () => {
  const ids = operations(yard).map(({ id }) => id);
  expect(ids.filter((id) => commandOf[id] === undefined)).toEqual([]);
  const { program } = commandTree(quiet(), () => {});
  const isThere = (words: string) =>
    words
      .split(' ')
      .reduce<typeof program | undefined>((at, word) => at?.commands.find((each) => each.name() === word), program) !==
    undefined;
  const words = Object.values(commandOf).filter((each) => typeof each === 'string');
  expect(words.filter((each) => !isThere(each))).toEqual([]);
});

test('what can be got can be described', () => {
  const { program } = commandTree(quiet(), () => {});
  const gets = program.commands.flatMap((noun) => noun.commands.filter((verb) => verb.name() === 'get'));
  expect(gets.length).toBeGreaterThan(6);
  expect(gets.filter((get) => !get.aliases().includes('describe'))).toEqual([]);
});

describe('every form of an answer', () => {
  beforeAll(async () => {
    await (await yard.submit('echo', { a: 1 }, { id: 'one' })).result();
    await yard.queues.set('live', { weight: 2 });
    await yard.limits.set('api', { maxActive: 2 });
    await yard.tenants.set('acme', { weight: 2 });
    await yard.schedules.add('nightly', { cron: '0 3 * * *', type: 'echo' });
    await yard.tokens.create({ label: 'ci', scopes: ['read'] });
    await yard.webhooks.add({ url: 'https://example.com/' });
  });

  test.each([
    ['status', 1],
    ['job list', 1],
    ['job get one', 1],
    ['queue list', 3],
    ['queue get live', 1],
    ['limit list', 1],
    ['limit get api', 1],
    ['tenant list', 1],
    ['tenant get acme', 1],
    ['schedule list', 1],
    ['schedule get nightly', 1],
    ['worker list', 1],
    ['worker get hand', 1],
    ['master list', 1],
    ['type list', 1],
    ['machine list', 3],
    ['machine get job', 1],
    ['broker list', 1],
    ['token list', 1],
    ['webhook list', 1],
    ['audit log', 5],
    ['config show', 40],
  ])('of `yard %s` is as it is called', async (words, least) => {
    const inForm = (form: string) => typed(...words.split(' '), '-o', form);
    const [table, wide, json, lines, names] = await Promise.all(['table', 'wide', 'json', 'jsonl', 'name'].map(inForm));
    for (const each of [table, wide, json, lines, names]) expect(each).toMatchObject({ code: 0, talk: '' });
    expect(wide?.out.length).toBeGreaterThanOrEqual(table?.out.length ?? 0);
    const whole: unknown = JSON.parse(json?.out ?? '');
    const rows = Array.isArray(whole) ? whole : [whole];
    expect(rows.length).toBeGreaterThanOrEqual(least);
    const parsed = (lines?.out ?? '').split('\n').map((line): unknown => JSON.parse(line));
    expect(parsed.length).toBe(rows.length);
    expect(names?.out.split('\n').length).toBe(rows.length);
    expect(names?.out).toMatch(/^(?:\S+\n)*\S+$/);
  });
});

test('what was set or removed is told in the form that was asked for', async () => {
  expect(await typed('queue', 'set', 'live', '--weight', '3', '-o', 'name')).toMatchObject({ code: 0, out: 'live' });
  expect(JSON.parse((await typed('limit', 'set', 'api', '--max-active', '1', '-o', 'json')).out)).toMatchObject({
    limit: 'api',
  });
  const { token } = await yard.tokens.create({ label: 'gone', scopes: ['read'] });
  expect(await typed('token', 'revoke', token.token, '-o', 'name')).toMatchObject({ code: 0, out: token.token });
});

test('the result of a job is what its handler returned, and nothing else', async () => {
  await yard.submit('echo', { a: [1, 2] }, { id: 'returns' });
  const { code, out, talk } = await typed('job', 'result', 'returns', '--wait');
  expect({ code, talk, json: JSON.parse(out) }).toEqual({ code: 0, talk: '', json: { a: [1, 2] } });
  await yard.submit('echo', { password: 's3cret', b: 1 }, { id: 'hides' });
  const { out: hidden } = await typed('job', 'result', 'hides', '--wait');
  expect(JSON.parse(hidden)).toMatchObject({ b: 1 });
  expect(hidden).not.toContain('s3cret');
  await yard.submit('echo', {}, { id: 'rests', hold: true });
  expect(await typed('job', 'result', 'rests')).toMatchObject({
    code: 1,
    out: '',
    talk: expect.stringContaining('held'),
  });
  expect(await typed('job', 'result', 'rests', '--wait', '--timeout-wait', '50ms')).toMatchObject({ code: 6, out: '' });
  expect(await typed('job', 'result', 'nobody')).toMatchObject({ code: 3, out: '' });
});

test('a list that is watched is shown again and again until Ctrl-C', async () => {
  await using shell = new Shell(cluster.broker.server.dataDir, { NATS_URL: cluster.broker.url });
  const watched = shell.start('queue', 'list', '--watch', '-o', 'json');
  await watched.says('"queue":"live"');
  await yard.queues.pause('batch');
  await watched.says('"queue":"batch","order":3,"mode":"strict","weight":1,"paused":true');
  await yard.queues.resume('batch');
  watched.signal('SIGINT');
  const { code, out } = await watched.ended;
  expect(code).toBe(0);
  expect(
    out
      .trim()
      .split('\n')
      .every((line) => JSON.parse(line) !== null),
  ).toBe(true);
});

test('a list of jobs that is watched goes on with a row for each that changes, under its columns, until Ctrl-C', async () => {
  await using shell = new Shell(cluster.broker.server.dataDir, { NATS_URL: cluster.broker.url });
  await yard.submit('echo', {}, { id: 'watched-one', delay: '1h', queue: 'seen' });
  await yard.submit('echo', {}, { id: 'not-of-it', delay: '1h', queue: 'unseen' });
  const watched = shell.start('job', 'list', '--queue', 'seen', '--watch');
  await watched.says('watched-one');
  await yard.hold('watched-one');
  await watched.says('held');
  await yard.submit('echo', {}, { id: 'watched-two', queue: 'seen' });
  await watched.says('completed');
  const open = shell.start('jobs', '--queue', 'seen', '--state', 'held,scheduled', '-w', '-o', 'json');
  await open.says('"state":"held"');
  await yard.cancel('not-of-it');
  await yard.cancel('watched-one');
  await open.says('"state":"cancelled"');
  for (const each of [watched, open]) each.signal('SIGINT');
  const { code, out } = await watched.ended;
  expect(code).toBe(0);
  const rows = out.trim().split('\n');
  expect(rows.filter((row) => row.startsWith('ID'))).toHaveLength(1);
  expect(new Set(rows.map((row) => row.slice(0, 13).trim()))).toEqual(new Set(['ID', 'watched-one', 'watched-two']));
  const lines = (await open.ended).out.trim().split('\n');
  expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([{ state: 'held' }, { state: 'cancelled' }]);
  expect(await typed('job', 'list', '--watch', '--search', 'x')).toMatchObject({ code: 2, out: '' });
});
