import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Master } from '../../actors/master.ts';
import type { Plan } from '../../machines/rules/cron.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import { Fault } from '../../runtime/faults.ts';
import { MemoryBroker } from '../../runtime/memory/broker.ts';
import { type Chaos, calm, type WriteFate } from '../../runtime/memory/chaos.ts';
import { ManualClock, seeded } from '../../runtime/memory/manual-clock.ts';
import type { JobStore } from '../../runtime/ports.ts';
import type { JobRecord } from '../../runtime/record.ts';
import {
  type Firing,
  newSchedule,
  type ScheduleRecord,
  type ScheduleSpec,
  scheduleKey,
  scheduleStep,
} from '../../runtime/schedule.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { moved } from '../ports.contract.ts';
import { entryOf, jobType, mostOpenAtOnce, plainJob, storeWith } from './stage.ts';

const settings = {
  queues: defaultQueues,
  schedulerIntervalMs: 5_000,
  leaderSilenceMs: 700,
  offerForMs: 5_000,
  lostAfterMs: 4_000,
  cancelGraceMs: 10_000,
  gpuSpillOver: true,
};

const key = '_schedule.default.tick';

/** A cluster without workers, in which masters come and go, and the schedule `tick`. Moments are ms from its making. */
async function setUp(spec: Partial<ScheduleSpec> = {}, chaos: Chaos = calm) {
  const clock = new ManualClock();
  const broker = new MemoryBroker({ clock, chaos, answerWithinMs: 300 });
  const { store } = broker.world();
  const telemetry = createTelemetry();
  const madeAt = clock.now();
  const plan: Plan = { kind: 'every', everyMs: 1_000, anchorAt: madeAt };
  const job = { type: 'noop', payload: { n: 1 }, options: { priority: 'high' } };
  const whole = {
    tenant: 'default',
    name: 'tick',
    plan,
    job,
    misfire: 'once',
    windowMs: 60_000,
    overlap: 'allow',
  } as const;
  const schedule = newSchedule({ ...whole, ...spec }, madeAt, madeAt + 1_000);
  const put = async (expected: number, record: ScheduleRecord) => {
    const outcome = await clock.until(store.write([{ key: scheduleKey(record), expected, schedule: record }]));
    if (outcome.kind !== 'accepted') throw new RangeError(`Expected to store a schedule, got ${outcome.kind}.`);
  };
  let masters = 0;
  const master = async (store: Partial<JobStore> = {}) => {
    const name = `m${++masters}`;
    const own = clock.forNode({});
    const near = broker.world({ clock: own });
    const world = { ...near, store: storeWith(near.store, store) };
    const types = [jobType(() => undefined)];
    const started = new Master({ world, clock: own, telemetry, incarnation: name, name, definitions: types, settings });
    await clock.until(started.start());
    const kill = () => {
      near.cut();
      own.freeze();
    };
    return { started, world, kill };
  };
  const firings = () =>
    lastSchedule(broker).firings.map(({ n: _n, decidedAt: _d, ...rest }) => fromStart(rest, madeAt));
  return { clock, broker, store, telemetry, schedule, put, master, firings, madeAt };
}

type Setting = Awaited<ReturnType<typeof setUp>>;

function fromStart({ at, to, ...rest }: Omit<Firing, 'n' | 'decidedAt'>, start: number) {
  return { at: at - start, ...(to === undefined ? {} : { to: to - start }), ...rest };
}

function lastSchedule(broker: MemoryBroker): ScheduleRecord {
  const write = broker.history().findLast((each) => each.key === key);
  if (write === undefined) throw new RangeError('Expected a schedule, found none.');
  const schedule: ScheduleRecord = JSON.parse(write.json);
  return schedule;
}

/** The jobs of schedules as they were born, in that order. */
function births({ broker }: Pick<Setting, 'broker'>): readonly JobRecord[] {
  return broker.history().flatMap(({ key: of, json }): JobRecord[] => {
    if (of.startsWith('_')) return [];
    const record: JobRecord = JSON.parse(json);
    return record.transitions.length === 1 ? [record] : [];
  });
}

/** The moment in the source of a job, ms from the start. */
function momentsOf(setting: Setting): readonly number[] {
  return births(setting).map(({ source }) => Date.parse(source.slice(source.indexOf('@') + 1)) - setting.madeAt);
}

async function led(spec: Partial<ScheduleSpec> = {}): Promise<Setting> {
  const setting = await setUp(spec);
  const elected = next(setting.telemetry, 'leader.elected');
  await setting.master();
  await setting.clock.until(elected);
  await setting.put(0, { ...setting.schedule });
  return setting;
}

describe('a moment that comes', () => {
  test('makes a job that says where it comes from, at once, and moves on', async () => {
    const setting = await led();
    await setting.clock.advance(5_050 - (setting.clock.now() - setting.madeAt));
    expect(momentsOf(setting).slice(-2)).toEqual([4_000, 5_000]);
    const last = births(setting).at(-1);
    expect(last).toMatchObject({ state: 'pending', type: 'noop', name: 'tick', priority: 'high', payload: { n: 1 } });
    expect(last?.id).toMatch(/^tick-\d{8}T\d{6}Z(-\d{3})?$/);
    expect(lastSchedule(setting.broker).context).toEqual({ nextAt: setting.madeAt + 6_000, lastJob: last?.id });
    expect(setting.firings().at(-1)).toEqual({ at: 5_000, outcome: 'fired', job: last?.id });
  });

  test('of a paused schedule makes none, and is not made up for', async () => {
    const setting = await led();
    await setting.clock.advance(3_000);
    const { revision = 0, schedule } = (await setting.clock.until(setting.store.readSchedule(key))) ?? {};
    const paused = schedule && scheduleStep(schedule, { type: 'schedule.paused', at: setting.clock.now() });
    if (paused === undefined) throw new RangeError('Expected a schedule that can be paused.');
    await setting.put(revision, paused);
    const before = births(setting).length;
    await setting.clock.advance(10_000);
    expect(births(setting)).toHaveLength(before);
  });

  test('beyond the quota of its tenant is refused with the sentence, and fires again when there is room', async () => {
    const setting = await led();
    const { clock, broker } = setting;
    const { tenants } = broker.world().control;
    await clock.until(tenants.change('default', (set) => ({ ...set, maxOpen: 2 })));
    await clock.advance(6_000);
    expect(mostOpenAtOnce(broker.history())).toBe(2);
    const { at, ...last } = setting.firings().at(-1) ?? { at: 0 };
    expect(last).toEqual({
      outcome: 'refused',
      why: 'Expected room for another job of tenant default, got 2 open of 2. Wait until some have ended, cancel some, or raise it with `yard tenant set default --max-open`.',
    });
    await clock.until(tenants.change('default', (set) => ({ ...set, maxOpen: 3 })));
    await clock.advance(1_500);
    expect(momentsOf(setting).at(-1)).toBe(at + 1_000);
    expect(mostOpenAtOnce(broker.history())).toBe(3);
  });

  test('takes the place of the last one that waits, though its tenant may have no other', async () => {
    const setting = await led({ overlap: 'replace' });
    const { clock, broker } = setting;
    await clock.until(broker.world().control.tenants.change('default', (set) => ({ ...set, maxOpen: 1 })));
    await clock.advance(5_000);
    expect(births(setting).length).toBeGreaterThanOrEqual(4);
    expect(lastSchedule(broker).counts.refused).toBe(0);
    expect(mostOpenAtOnce(broker.history())).toBe(1);
  });

  test('whose job no submitter could submit is refused with the sentence, and those after it come', async () => {
    const setting = await led({ job: { type: 'nope', payload: {}, options: {} } });
    await setting.clock.advance(3_000);
    expect(births(setting)).toEqual([]);
    expect(setting.firings().at(-1)).toMatchObject({ outcome: 'refused', why: expect.stringContaining('`nope`') });
    expect(lastSchedule(setting.broker).counts.refused).toBeGreaterThanOrEqual(2);
  });

  test('whose id is that of another job leaves that job alone, and says so', async () => {
    const setting = await led();
    const at = Math.ceil((setting.clock.now() - setting.madeAt + 1_500) / 1_000) * 1_000;
    const id = `tick-${new Date(setting.madeAt + at).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
    await setting.clock.until(setting.store.write([entryOf(plainJob(id))]));
    await setting.clock.advance(at + 100 - (setting.clock.now() - setting.madeAt));
    expect(setting.firings().at(-1)).toMatchObject({ at, outcome: 'refused', why: expect.stringContaining(id) });
  });
});

test('a schedule that this version cannot read is told of once, and keeps no other from firing', async () => {
  const setting = await setUp();
  const told: string[] = [];
  setting.telemetry.on('auditor.found', ({ key: of, met }) => told.push(`${of}: ${met}`));
  await setting.put(0, { ...setting.schedule, name: 'odd' });
  await setting.put(0, setting.schedule);
  const { readSchedule } = storeWith(setting.store, {});
  await setting.master({
    readSchedule: (of) =>
      of.endsWith('odd') ? Promise.reject(new Fault('record.unreadable', 'Upgrade.')) : readSchedule(of),
  });
  await setting.clock.advance(5_000);
  expect(told).toEqual(['_schedule.default.odd: Upgrade.']);
  expect(momentsOf(setting)).toContain(5_000);
});

describe('when the job of the last firing is still open', () => {
  test('`skip` makes none until it is settled', async () => {
    const setting = await led({ overlap: 'skip' });
    const { clock, store } = setting;
    await clock.advance(4_000);
    expect(births(setting)).toHaveLength(1);
    const id = births(setting)[0]?.id ?? '';
    expect(setting.firings().at(-1)).toMatchObject({ outcome: 'skipped', why: `job ${id} was still open` });
    const { record, revision = 0 } = (await clock.until(store.read(`default.${id}`))) ?? {};
    if (record === undefined) throw new RangeError('Expected the job.');
    await clock.until(store.write([entryOf(moved(record, { type: 'job.cancel', at: clock.now() }), revision)]));
    await clock.advance(1_000);
    expect(births(setting)).toHaveLength(2);
  });

  test('`replace` cancels it, in the same batch', async () => {
    const setting = await led({ overlap: 'replace' });
    await setting.clock.advance(3_000);
    const writes = setting.broker.history();
    const cancelled = writes.flatMap(({ key: of, json, batch }) =>
      of.startsWith('default.') && json.includes('"state":"cancelled"') ? [{ of, batch }] : [],
    );
    expect(cancelled.length).toBeGreaterThanOrEqual(2);
    for (const { batch } of cancelled)
      expect(writes.filter((write) => write.batch === batch).map((write) => write.key.split('-')[0])).toEqual([
        '_leader',
        key,
        'default.tick',
        'default.tick',
      ]);
  });
});

describe('moments that came while nobody led', () => {
  test.each([
    ['skip', [31_000]],
    ['once', [31_000]],
    ['all', [22_000, 23_000, 24_000, 25_000, 26_000, 27_000, 28_000, 29_000, 30_000, 31_000]],
  ] as const)('come to what `%s` says, within the window', async (misfire, expected) => {
    const setting = await setUp({ misfire, windowMs: 10_000 });
    await setting.put(0, setting.schedule);
    await setting.clock.advance(31_100);
    const windowOpens = 31_100 - 15_000;
    await setting.master();
    await setting.clock.until(next(setting.telemetry, 'schedule.fired'), 5_000);
    await setting.clock.advance(20);
    const early = momentsOf(setting).filter((moment) => moment <= 31_000);
    expect(early.filter((moment) => moment >= 22_000)).toEqual(expected);
    expect(early.every((moment) => moment >= windowOpens)).toBe(true);
    expect(setting.firings()[0]).toMatchObject({ at: 1_000, outcome: 'missed' });
  });
});

describe('a leader that goes', () => {
  const stories = fc.record({
    seed: fc.integer({ min: 1, max: 1_000_000 }),
    kills: fc.array(fc.integer({ min: 200, max: 4_000 }), { minLength: 1, maxLength: 5 }),
    misfire: fc.constantFrom('once', 'all'),
  });

  /** Writes that land without an answer, land late, or are lost, by chance. */
  function unreliable(seed: number): Chaos {
    const chance = seeded(seed);
    const fates: readonly WriteFate[] = ['silentStored', 'silentLost', 'silentLate', 'busy'];
    const fate = () => (chance() < 0.2 ? (fates[Math.floor(chance() * fates.length)] ?? 'normal') : 'normal');
    return { ...calm, fate, latencyMs: () => Math.floor(chance() * 20), lateMs: () => Math.floor(chance() * 3_000) };
  }

  test('at any moment, with writes whose answers are lost, loses no firing and makes none twice', async () => {
    await fc.assert(
      fc.asyncProperty(stories, async ({ seed, kills, misfire }) => {
        const setting = await setUp({ misfire, windowMs: 600_000 }, unreliable(seed));
        const { clock, broker, put, schedule, master } = setting;
        broker.chaos = calm;
        await put(0, schedule);
        let leader = await master();
        broker.chaos = unreliable(seed);
        for (const ms of kills) {
          await clock.advance(ms);
          leader.kill();
          leader = await master();
        }
        broker.chaos = calm;
        await clock.advance(8_000);
        const moments = momentsOf(setting);
        expect(new Set(moments).size).toBe(moments.length);
        const through = Math.max(...moments) / 1_000;
        const missed = setting
          .firings()
          .flatMap(({ at, to = at, outcome, count = 1 }) =>
            outcome === 'missed' ? [{ from: at / 1_000, to: to / 1_000, count }] : [],
          );
        const decided = [
          ...moments.map((moment) => moment / 1_000),
          ...missed.flatMap(({ from, to }) => range(from, to)),
        ];
        expect(decided.sort((a, b) => a - b)).toEqual(range(1, through));
        if (misfire === 'all') expect(missed).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}
