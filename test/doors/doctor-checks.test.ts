/** Checks of `yard doctor` on what no test can bring about at will: frozen processes, wrong clocks, other versions, full disks. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Machine, Monitored } from '../../cluster/checkup.ts';
import { readSettings } from '../../cluster/settings.ts';
import { packageRoot } from '../../cluster/version.ts';
import { areas, type Result } from '../../doors/cli/doctor/check.ts';
import { checks, checksNamed, examine } from '../../doors/cli/doctor/examine.ts';
import type { Findings, Known } from '../../doors/cli/doctor/findings.ts';
import type { ClusterView, MasterView, ScheduleRecord, WorkerView } from '../../sdk/index.ts';

const known = <Value>(value: Value): Known<Value> => ({ isKnown: true, value });
const unknown = { isKnown: false, why: 'no broker to ask', code: undefined } as const;
const now = 1_795_000_000_000;

const nothing: Findings = {
  ...{ version: '1.0.0', now, options: unknown, machine: unknown, here: unknown, broker: unknown, monitoring: unknown },
  ...{ cluster: unknown, masters: unknown, brokers: unknown, queues: unknown, limits: unknown, advice: unknown },
  ...{ active: unknown, failures: unknown, rejected: unknown, schedules: unknown, webhooks: unknown, tokens: unknown },
  doors: unknown,
};

function verdict(name: string, found: Partial<Findings>): Result | undefined {
  return examine({ ...nothing, ...found }, checksNamed([name]))[0];
}

const worker: WorkerView = {
  ...{ incarnation: 'i1', name: 'w1', host: 'h', pid: 1, version: '1.0.0', status: 'available', types: ['noop'] },
  ...{ slots: 2, used: 0, gpu: 0, vramMb: 0, encoders: [], memoryMb: 0, labels: {}, declared: [], startedAt: now },
  ...{ load: { cpuPercent: 0, memoryMb: 0 }, heardMsAgo: 100, isHung: false, isDeaf: false, jobs: [] },
};

function clusterOf(workers: readonly Partial<WorkerView>[], view: Partial<ClusterView> = {}): Findings['cluster'] {
  const leader = { name: 'm1', incarnation: 'm', term: 1 };
  return known({
    ...{ leader, at: now, open: 0, byState: {}, lookAhead: {} },
    workers: workers.map((each) => ({ ...worker, ...each })),
    ...view,
  });
}

function masterOf(said: Partial<MasterView>): MasterView {
  return {
    ...{ incarnation: 'm', name: 'm1', host: 'h', pid: 2, version: '1.0.0', startedAt: now, leads: true, term: 3 },
    ...{ behindMs: 100, clock: { skewMs: 0, uncertaintyMs: 1 } },
    ...said,
  };
}

const machine: Machine = {
  ...{ host: 'h', hasVmaf: true, ffmpeg: '/usr/bin/ffmpeg', dataDir: '/data', ports: [] },
  natsServer: { path: '/usr/bin/nats-server', version: '2.14.4' },
};
const up = {
  url: 'nats://127.0.0.1:4222',
  prefix: 'yard',
  pid: 1,
  owner: '1',
  masters: [],
  workers: [],
  startedAt: now,
};
const options = known(
  readSettings({ flags: {}, env: { XDG_CONFIG_HOME: '/nowhere' }, directory: '/nowhere' }, 'client'),
);

test('every check has a name of its own, says what it expects, and is skipped where nothing is known', () => {
  expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
  const results = examine(nothing, checks);
  expect(results.filter(({ status }) => status === 'warn')).toEqual([]);
  expect(results.filter(({ status }) => status === 'fail').map(({ name }) => name)).toEqual(['options']);
  expect(results.every(({ expected }) => expected.length > 10)).toBe(true);
  for (const area of areas) expect(checksNamed([area]).length).toBeGreaterThan(1);
});

test('the page on troubleshooting has every check', () => {
  const page = readFileSync(join(packageRoot, 'docs', 'troubleshooting.md'), 'utf8');
  expect(checks.filter(({ name }) => !page.includes(`\`${name}\``))).toEqual([]);
});

const disk = { all: 100e9, floor: 256 * 2 ** 20 };
const broken = { url: 'http://b', sight: { name: 'b1', syncMs: 0 }, stuck: 'write error: no space left on device' };

test.each<[name: string, ill: Partial<Findings>, status: string, words: string, well: Partial<Findings>]>([
  ['hung-workers', { cluster: clusterOf([{ isHung: true }]) }, 'fail', 'w1: hung', { cluster: clusterOf([{}]) }],
  ['deaf-workers', { cluster: clusterOf([{ isDeaf: true }]) }, 'fail', 'w1: deaf', { cluster: clusterOf([{}]) }],
  ['pulses', { cluster: clusterOf([{ heardMsAgo: 3_500 }]) }, 'warn', 'w1: not heard', { cluster: clusterOf([{}]) }],
  ['worker-clocks', { cluster: clusterOf([{ skewMs: -9_000 }]) }, 'warn', 'off by 9s', { cluster: clusterOf([{}]) }],
  [
    'room',
    {
      cluster: clusterOf([{ used: 2 }]),
      advice: known({ targetMs: 1, idle: [], demands: [demand({ waiting: 3, oldestMs: 90_000 })] }),
    },
    'warn',
    '2 of 2 slots taken; 3 jobs wait, the first for 1m30s',
    { cluster: clusterOf([{ used: 2 }]), advice: known({ targetMs: 1, idle: [], demands: [demand({ waiting: 3 })] }) },
  ],
  ['workers', { cluster: clusterOf([{ status: 'lost' }]) }, 'warn', 'none', { cluster: clusterOf([{}]) }],
  ['newer-records', { cluster: clusterOf([], { leftToNewer: 2 }) }, 'fail', '2 jobs', { cluster: clusterOf([]) }],
  [
    'versions',
    { masters: known([masterOf({ version: '0.9.0' })]), cluster: clusterOf([{}]) },
    'warn',
    '0.9.0 (m1); 1.0.0 (w1, this command)',
    { masters: known([masterOf({})]), cluster: clusterOf([{ version: '0.9.0', status: 'lost' }]) },
  ],
  ['feed', { masters: known([masterOf({ behindMs: 9_000 })]) }, 'fail', 'm1 is 9s', { masters: known([masterOf({})]) }],
  [
    'leader',
    { masters: known([masterOf({ leads: false })]) },
    'fail',
    'm1 answers',
    { masters: known([masterOf({})]) },
  ],
  [
    'standby',
    { masters: known([masterOf({})]) },
    'warn',
    'nobody',
    { masters: known([masterOf({}), masterOf({ name: 'm2', leads: false })]) },
  ],
  [
    'master-clocks',
    { masters: known([masterOf({ clock: { skewMs: 2_000, uncertaintyMs: 1 } })]) },
    'warn',
    'm1 is off by 2s',
    { masters: known([masterOf({})]) },
  ],
  [
    'master-clocks',
    { masters: known([masterOf({ clock: { skewMs: 0, uncertaintyMs: 6_000 } })]) },
    'fail',
    'uncertain at m1',
    { masters: known([masterOf({})]) },
  ],
  [
    'disk',
    { here: known(up), machine: known({ ...machine, disk: { ...disk, free: 1e6 } }) },
    'fail',
    'new jobs are refused',
    { here: known(up), machine: known({ ...machine, disk: { ...disk, free: 50e9 } }) },
  ],
  [
    'ports',
    {
      options,
      here: known(undefined),
      machine: known({ ...machine, ports: [{ flag: '--port', port: 4_222, isTaken: true }] }),
    },
    'fail',
    '4222 (`--port`)',
    {
      options,
      here: known(undefined),
      machine: known({ ...machine, ports: [{ flag: '--port', port: 4_222, isTaken: false }] }),
    },
  ],
  [
    'nats-server',
    { options, machine: known({ ...machine, natsServerFault: 'Expected nats-server.' }) },
    'fail',
    'Expected',
    { options, machine: known(machine) },
  ],
  ['ffmpeg', { machine: known(without('ffmpeg')) }, 'warn', 'none on PATH', { machine: known(machine) }],
  ['vmaf', { machine: known({ ...machine, hasVmaf: false }) }, 'warn', 'no VMAF score', { machine: known(machine) }],
  [
    'stuck-broker',
    { monitoring: known([broken]) },
    'fail',
    'b1: write error',
    { monitoring: known([healthy(broken)]) },
  ],
  [
    'sync-interval',
    { monitoring: known([{ url: 'http://b', sight: { name: 'b', syncMs: 120_000 } }]) },
    'warn',
    '120 s',
    { monitoring: known([broken]) },
  ],
  [
    'schedules',
    { schedules: known([scheduleOf({ nextAt: now - 60_000 })]) },
    'fail',
    'due and not fired: nightly',
    { schedules: known([scheduleOf({ nextAt: now + 1 })]) },
  ],
  [
    'schedules',
    {
      schedules: known([
        scheduleOf({ nextAt: now + 1 }, { n: 1, at: now, decidedAt: now, outcome: 'refused', why: 'No such type.' }),
      ]),
    },
    'fail',
    'nightly could not make its job: No such type.',
    { schedules: known([]) },
  ],
  [
    'brokers',
    { brokers: known({ all: 3, current: 1, brokers: [] }) },
    'fail',
    '1 of 3',
    { brokers: known({ all: 3, current: 3, brokers: [] }) },
  ],
])('%s tells what is wrong, with a cure, and is well where it is not', (name, ill, status, words, well) => {
  const bad = verdict(name, ill);
  expect(bad).toMatchObject({ status, met: expect.stringContaining(words) });
  expect(bad?.cure).toBeTruthy();
  expect(verdict(name, well)).toMatchObject({ status: 'ok' });
});

function demand(said: { waiting: number; oldestMs?: number }) {
  return { type: 'noop', requirements: {}, running: 2, workers: 1, jobsPerWorker: 2, needed: 2, oldestMs: 10, ...said };
}

function without(field: 'ffmpeg'): Machine {
  const { [field]: _, ...rest } = machine;
  return rest;
}

function healthy({ stuck: _, ...rest }: Monitored): Monitored {
  return rest;
}

function scheduleOf(context: { nextAt: number }, ...firings: ScheduleRecord['firings']): ScheduleRecord {
  return {
    ...{ version: 1, machine: 1, tenant: 'default', name: 'nightly', state: 'active', context, firings },
    ...{ plan: { kind: 'every', everyMs: 1_000, anchorAt: 0 }, overlap: 'allow', misfire: 'skip', windowMs: 0 },
    ...{ counts: { fired: 0, skipped: 0, missed: 0, refused: 0 }, createdAt: now, updatedAt: now },
    job: { type: 'noop', payload: {}, options: {} },
  };
}
