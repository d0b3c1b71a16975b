import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import type { Entry } from '../../actors/entry.ts';
import { Fleet } from '../../actors/fleet.ts';
import { LaneShares } from '../../actors/shares.ts';
import { Throttle } from '../../actors/throttle.ts';
import { why } from '../../actors/why.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { Head, Pulse } from '../../runtime/ports.ts';
import { capacity, headWith, pulseOf, stage } from './stage.ts';

function setUp(...pulses: Pulse[]) {
  const { clock, telemetry } = stage();
  const board = new Board({ queues: defaultQueues });
  const fleet = new Fleet({ clock, telemetry, lostAfterMs: 4_000, onChange: () => {} });
  for (const pulse of pulses) fleet.heard(pulse);
  const throttle = new Throttle({ clock, offerForMs: 5_000 });
  const turns = new LaneShares((tenant) => board.accounts.weightOf(tenant));
  let revision = 0;
  const put = (head: Partial<Head> = {}): Entry => {
    const applied = board.apply(headWith({ key: `default.j${++revision}`, revision, ...head }));
    if (applied === undefined) throw new RangeError('Expected the head to be news, and it was not.');
    return applied.entry;
  };
  return {
    board,
    clock,
    put,
    /** So many jobs of these tenants have been served in the lane of all jobs here. */
    serve: (...tenants: readonly string[]) => {
      for (const tenant of tenants) turns.of('2 medium').serve(tenant);
    },
    because: (entry: Entry, gpuSpillOver = true) =>
      why(entry, { board, fleet, throttle, turns, gpuSpillOver, now: 1_700_000_000_000 }),
  };
}

const worker = (more: Partial<Pulse> = {}) => pulseOf(capacity, more);

describe('a job waits because', () => {
  test('there is no worker', () => {
    const { put, because } = setUp();
    expect(because(put())).toEqual({
      code: 'no workers',
      sentence: 'No worker is there to take jobs. Start one with `yard worker`.',
      ahead: 0,
    });
  });

  test.each(['draining', 'offline', 'lost', 'starting'] as const)('the only worker takes none: it is %s', (status) => {
    const { put, because } = setUp(worker({ status }));
    expect(because(put()).code).toBe('no workers');
  });

  test('the only worker hangs', () => {
    const { put, because } = setUp(worker({ loopLagMs: 60_000 }));
    expect(because(put()).code).toBe('no workers');
  });

  test('no worker has what it needs', () => {
    const { put, because } = setUp(worker());
    expect(because(put({ requirements: { gpu: 1 } }))).toEqual({
      code: 'no worker has it',
      sentence: 'No worker has 1 GPU. Start one that has, or change what the job asks for.',
      ahead: 0,
    });
    expect(because(put({ type: 'transcode' })).sentence).toBe(
      'No worker serves type transcode. Start one that does, or cancel the job.',
    );
  });

  test('all workers are kept for jobs that need a GPU', () => {
    const { put, because } = setUp(pulseOf({ ...capacity, gpu: 1 }));
    expect(because(put(), false).sentence).toBe(
      'No worker has room for jobs that need no GPU (`gpuSpillOver` is off). Start one that has, or change what the job asks for.',
    );
    expect(because(put(), true).code).toBe('next in line');
    expect(because(put({ requirements: { gpu: 1 } }), false).code).toBe('next in line');
  });

  test('all that could run it are busy', () => {
    const { board, put, because } = setUp(worker(), pulseOf({ ...capacity, types: ['other'] }, { incarnation: 'w2' }));
    const entry = put();
    for (let n = 0; n < capacity.slots; n++) put({ state: 'processing', worker: 'w1' });
    expect(board.holding('w1').usage.slots).toBe(capacity.slots);
    expect(because(entry)).toMatchObject({
      code: 'all busy',
      sentence: 'The only worker that could run it is busy. It starts when one has room, or when another one joins.',
    });
  });

  test('all are busy, and a job may be evicted for it only later', () => {
    const { board, put, because } = setUp(worker());
    board.setQueue({ queue: 'live', mayEvict: ['batch'] });
    const [urgent, usual] = [put({ queue: 'live' }), put()];
    for (const ranMs of [4_000, 7_000])
      put({ state: 'processing', worker: 'w1', queue: 'batch', updatedAt: 1_700_000_000_000 - ranMs });
    expect(because(urgent).sentence).toMatch(
      /another one joins\. Job j4 of queue batch may be evicted for it in 3s\.$/,
    );
    expect(because(usual).sentence).toMatch(/another one joins\.$/);
  });

  test('all are busy, and what may be evicted for it is nobody else to know by name', () => {
    const { board, put, because } = setUp(worker());
    board.setQueue({ queue: 'live', mayEvict: ['batch'] });
    for (let n = 0; n < capacity.slots; n++)
      put({
        key: `other.quince-${n}`,
        state: 'processing',
        worker: 'w1',
        queue: 'batch',
        updatedAt: 1_700_000_000_000,
      });
    const { sentence } = because(put({ queue: 'live' }));
    expect(sentence).toMatch(/joins\. A job of others of queue batch may be evicted for it in \d+s\.$/);
    expect(sentence).not.toContain('quince');
  });

  test('several could run it and are busy', () => {
    const { put, because } = setUp(
      pulseOf({ ...capacity, slots: 1 }),
      pulseOf({ ...capacity, slots: 1 }, { incarnation: 'w2' }),
    );
    const entry = put();
    for (const worker of ['w1', 'w2']) put({ state: 'processing', worker });
    expect(because(entry).sentence).toMatch(/^All 2 workers that could run it are busy\./);
  });

  test('its tenant has had more than its share, and younger jobs of others go first', () => {
    const { board, put, serve, because } = setUp(pulseOf({ ...capacity, slots: 4 }));
    board.accounts.setTenant({ tenant: 'heavy', weight: 2 });
    for (let n = 0; n < 4; n++) put({ key: `acme.out-${n}`, state: 'processing', worker: 'w1' });
    serve('acme', 'acme', 'acme', 'acme');
    const entry = put({ key: 'acme.next', createdAt: 1 });
    expect(because(entry).code).toBe('all busy');
    put({ key: 'light.a', createdAt: 2 });
    expect(because(entry).sentence).toBe(
      'Tenant acme has had more than its share, which is 1 of 2 by weight: it has 4 out, and a job of others in its lane goes first. It starts when that one has started and a worker has room, or when another worker joins. A higher `yard tenant set acme --weight` gives it more turns from then on.',
    );
    for (let n = 0; n < 5; n++) put({ key: `heavy.${n}`, createdAt: 3 });
    expect(because(entry)).toMatchObject({
      code: 'tenant over share',
      sentence: expect.stringMatching(/1 of 4 by weight: .* 3 jobs of others in its lane go first\./),
    });
    // One more turn, and light has had as much.
    serve('light', 'heavy', 'heavy');
    expect(because(entry).code).toBe('all busy');
  });

  test.each([
    ['of another level', { priority: 'low' }],
    ['of another queue', { queue: 'batch' }],
    ['older', { createdAt: 0 }],
    ['for workers that could not run it', { type: 'other' }],
    ['full', { limitKeys: ['full'] }],
  ] as const)('all are busy, and not for its share, where the job of another tenant is %s', async (_, more) => {
    const { board, clock, put, serve, because } = setUp(pulseOf({ ...capacity, slots: 2 }));
    board.accounts.setLimit({ limit: 'full', maxActive: 1 });
    for (let n = 0; n < 2; n++)
      put({ key: `acme.out-${n}`, state: 'processing', worker: 'w1', ...(n === 0 ? { limitKeys: ['full'] } : {}) });
    await clock.advance(8_000);
    serve('acme', 'acme');
    const entry = put({ key: 'acme.next', createdAt: 1 });
    put({ key: 'light.a', createdAt: 2, ...more });
    expect(because(entry).code).toBe('all busy');
  });

  test('its turn is just coming', () => {
    const { put, because } = setUp(worker());
    expect(because(put({ state: 'queued' }))).toMatchObject({ code: 'next in line', ahead: 0 });
  });

  test('it is offered to a worker, which is named', () => {
    const { board, put, because } = setUp(worker({ name: 'gpu-box' }));
    const entry = put();
    board.offered(entry, 'w1', 5);
    expect(because(entry)).toEqual({
      code: 'offered',
      sentence: 'Offered to worker gpu-box, which has not claimed it yet.',
    });
  });

  test('its queue is paused, whoever has room', () => {
    const { board, put, because } = setUp(worker());
    board.setQueue({ queue: 'default', paused: true, maxActive: 1 });
    expect(because(put()).code).toBe('queue paused');
  });

  test('its queue is limited, and its leader is new', async () => {
    const { board, clock, put, because } = setUp(worker());
    board.setQueue({ queue: 'default', maxActive: 1 });
    expect(because(put())).toMatchObject({
      code: 'limit full',
      sentence:
        'Queue default is limited, and its leader is new: offers of the one before it may still be claimed. It goes on in 8s.',
    });
    await clock.advance(8_000);
    expect(because(put()).code).toBe('next in line');
  });

  test('its queue has out what it may, of which three are named', async () => {
    const { board, clock, put, because } = setUp(pulseOf({ ...capacity, slots: 9 }));
    board.setQueue({ queue: 'default', maxActive: 4 });
    for (let n = 0; n < 4; n++) put({ state: 'processing', worker: 'w1' });
    await clock.advance(8_000);
    expect(because(put())).toMatchObject({
      code: 'limit full',
      sentence: expect.stringContaining('has: j1, j2, j3 and 1 more.'),
    });
  });

  test.each([
    ['acme', 'has: mine and 2 jobs of others.'],
    ['default', 'has: a, b and 1 job of others.'],
    ['third', 'has: 3 jobs of others.'],
  ])('its queue has out what it may, and a tenant is told no ids of others: %s', async (tenant, sentence) => {
    const { board, clock, put, because } = setUp(pulseOf({ ...capacity, slots: 9 }));
    board.setQueue({ queue: 'default', maxActive: 3 });
    for (const key of ['default.a', 'default.b', 'acme.mine']) put({ key, state: 'processing', worker: 'w1' });
    await clock.advance(8_000);
    expect(because(put({ key: `${tenant}.waits` })).sentence).toContain(sentence);
  });

  test('its queue may not start another one yet', async () => {
    const { board, clock, put, because } = setUp(worker());
    board.setQueue({ queue: 'default', ratePerSecond: 0.5 });
    expect(because(put())).toMatchObject({
      code: 'rate',
      sentence: 'Queue default may start 30 a minute. The next one starts in 2s.',
    });
    await clock.advance(2_000);
    expect(because(put()).code).toBe('next in line');
  });

  test('its moment has not come', () => {
    const { put, because } = setUp(worker());
    const dueAt = 1_700_000_000_000 + 90_000;
    for (const state of ['scheduled', 'retrying'] as const)
      expect(because(put({ key: 'default.a', state, dueAt }))).toEqual({
        code: 'not due',
        sentence: 'Not due yet: in 1m30s. `yard job retry a` has it run now.',
      });
    expect(because(put({ state: 'scheduled', dueAt: 5 })).sentence).toMatch(/^Not due yet: in 0ms\./);
  });

  test('a person holds it', () => {
    const { put, because } = setUp(worker());
    expect(because(put({ key: 'default.a', state: 'held' }))).toEqual({
      code: 'held',
      sentence: 'Held by a person. `yard job release a` lets it go.',
    });
  });

  test('other jobs must end first', () => {
    const { put, because } = setUp(worker());
    expect(because(put({ state: 'blocked' })).code).toBe('blocked');
  });

  test('it does not wait at all', () => {
    const { put, because } = setUp(worker());
    for (const state of ['assigned', 'processing', 'cancelling'] as const)
      expect(because(put({ state, worker: 'w1' }))).toEqual({ code: 'not waiting', sentence: `It is ${state}.` });
  });
});

test('its place in line counts who came earlier in its lane, and all in better lanes', () => {
  const { put, because } = setUp();
  put({ priority: 'low', createdAt: 1 });
  put({ queue: 'live', createdAt: 9 });
  put({ priority: 'high', createdAt: 9, requirements: { gpu: 1 } });
  put({ createdAt: 1 });
  put({ createdAt: 2, requirements: { gpu: 1 } });
  const entry = put({ createdAt: 3 });
  put({ createdAt: 4 });
  put({ state: 'scheduled', queue: 'live' });
  expect(because(entry).ahead).toBe(4);
});

test('its place in line counts no job of a paused queue, and none of queues that share its turn', () => {
  const { board, put, because } = setUp();
  for (const queue of ['live', 'one', 'other', 'default']) put({ queue, createdAt: 1 });
  const entry = put({ queue: 'one', createdAt: 2 });
  expect(because(entry).ahead).toBe(4);
  board.setQueue({ queue: 'live', paused: true });
  expect(because(entry).ahead).toBe(3);
  for (const queue of ['one', 'other']) board.setQueue({ queue, mode: 'weighted' });
  expect(because(entry).ahead).toBe(2);
});
