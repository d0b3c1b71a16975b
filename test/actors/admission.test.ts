import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  admit,
  conflictText,
  isSameSubmission,
  type JobOptions,
  type KnownType,
  type Request,
} from '../../actors/admission.ts';
import { defaultBackoff } from '../../machines/rules/backoff.ts';
import type { Requirements } from '../../machines/rules/capability.ts';
import type { JobDefaults, JobDefinition } from '../../runtime/handler.ts';

const at = 1_700_000_000_000;

function request(options: JobOptions = {}, more: Partial<Request> = {}): Request {
  return { tenant: 'default', type: 'noop', payload: { a: 1 }, options, source: 's:1', fallbackId: 'f-1', at, ...more };
}

const known = (defaults: JobDefaults = {}): ReadonlyMap<string, KnownType> =>
  new Map([
    ['noop', { type: 'noop', defaults }],
    ['transcode', { type: 'transcode', defaults: {} }],
  ]);

const born = (options: JobOptions = {}, defaults: JobDefaults = {}) => admit(request(options), known(defaults));

/** A type whose payload names a file, and which needs what `needs` says. */
function withDefinition(needs: Requirements = {}): ReadonlyMap<string, KnownType> {
  const definition: JobDefinition = {
    type: 'noop',
    payload: z.strictObject({ file: z.string('Expected a path.'), size: z.object({ width: z.number() }).optional() }),
    requirements: () => needs,
    run: () => undefined,
  };
  return new Map([['noop', { type: 'noop', defaults: {}, definition }]]);
}

describe('what nobody says', () => {
  test('has its default', async () => {
    expect(await born()).toMatchObject({
      id: 'f-1',
      queue: 'default',
      priority: 'medium',
      requirements: {},
      payload: { a: 1 },
      timeoutMs: 30 * 60_000,
      staleAfterMs: 30 * 60_000,
      createdAt: at,
      state: 'pending',
      context: { maxAttempts: 4, maxLosses: 3, backoff: defaultBackoff, attempt: 0, generation: 1 },
    });
  });

  test('has the default of its type, unless the submitter says otherwise', async () => {
    const backoff = { kind: 'fixed', delayMs: 1, jitterMs: 0 } as const;
    const defaults: JobDefaults = {
      queue: 'batch',
      priority: 'low',
      maxAttempts: 2,
      timeoutMs: null,
      staleAfterMs: 5,
      backoff,
    };
    const byType = await born({}, defaults);
    expect(byType).toMatchObject({
      queue: 'batch',
      priority: 'low',
      staleAfterMs: 5,
      context: { maxAttempts: 2, backoff },
    });
    expect(byType.timeoutMs).toBeUndefined();
    const said = await born(
      { queue: 'live', priority: 'high', maxAttempts: 7, timeoutMs: 10, staleAfterMs: 6 },
      defaults,
    );
    expect(said).toMatchObject({
      queue: 'live',
      priority: 'high',
      timeoutMs: 10,
      staleAfterMs: 6,
      context: { maxAttempts: 7 },
    });
  });

  test('of a payload is an empty one', async () => {
    expect((await admit(request({}, { payload: undefined }), known())).payload).toEqual({});
    expect((await admit(request({}, { payload: null }), known())).payload).toEqual({});
  });
});

describe('what a submitter says', () => {
  test('of a name and tags is kept', async () => {
    expect(await born({ name: 'Trailer', tags: ['4k'] })).toMatchObject({ name: 'Trailer', tags: ['4k'] });
    expect((await born({ tags: [] })).tags).toBeUndefined();
  });

  test('of a delay, or a moment, lets the job wait for it', async () => {
    expect(await born({ delayMs: 5_000 })).toMatchObject({ state: 'scheduled', context: { dueAt: at + 5_000 } });
    expect(await born({ runAt: at + 9 })).toMatchObject({ state: 'scheduled', context: { dueAt: at + 9 } });
  });

  test('of a moment that has passed lets the job run now', async () => {
    for (const options of [{ runAt: at - 1 }, { delayMs: 0 }, { runAt: at }]) {
      const record = await born(options);
      expect(record.state).toBe('pending');
      expect(record.context.dueAt).toBeUndefined();
    }
  });

  test('of an expiry is kept as a moment', async () => {
    expect((await born({ expiresInMs: 7 })).expiresAt).toBe(at + 7);
    expect((await born({ expiresAt: at + 8 })).expiresAt).toBe(at + 8);
  });

  test('of holding it lets it wait for a person', async () => {
    expect((await born({ hold: true })).state).toBe('held');
    expect((await born({ hold: false })).state).toBe('pending');
  });

  test('of no timeout lets it run for ever', async () => {
    expect((await born({ timeoutMs: null })).timeoutMs).toBeUndefined();
  });
});

describe('requirements', () => {
  test('of the submitter and of the type come together, and the type has the last word', async () => {
    const types = withDefinition({ gpu: 1, encoder: 'h264_nvenc', labels: { zone: 'eu', disk: 'ssd' } });
    const options = { requirements: { gpu: 2, memoryMb: 5, labels: { zone: 'us', rack: '7' } } };
    const { requirements } = await admit(request(options, { payload: { file: 'a' } }), types);
    expect(requirements).toEqual({
      gpu: 1,
      encoder: 'h264_nvenc',
      memoryMb: 5,
      labels: { zone: 'eu', disk: 'ssd', rack: '7' },
    });
  });
});

describe('an id', () => {
  test('that is given is the id', async () => {
    expect((await born({ id: 'nightly-17' })).id).toBe('nightly-17');
  });

  test.each(['', '_hidden', 'a.b', 'a b', 'a*', 'ä', 'x'.repeat(65)])('such as %s is refused', async (id) => {
    await expect(born({ id })).rejects.toMatchObject({
      code: 'input.invalid',
      message: `Expected a job id of 1 to 64 letters, digits, \`_\` and \`-\` that does not begin with \`_\`, got \`${id}\`. Choose another id.`,
    });
  });

  test('is made from the key under which it may be repeated, and the tenant', async () => {
    const { id } = await born({ idempotencyKey: 'order 1' });
    const again = await admit(request({ idempotencyKey: 'order 1' }, { fallbackId: 'f-2', at: at + 5 }), known());
    expect(again.id).toBe(id);
    expect((await born({ idempotencyKey: 'order 2' })).id).not.toBe(id);
    expect((await admit(request({ idempotencyKey: 'order 1' }, { tenant: 'acme' }), known())).id).not.toBe(id);
    expect((await admit(request({ idempotencyKey: 'order 1' }, { type: 'transcode' }), known())).id).toBe(id);
    expect(id).toMatch(/^idem-[A-Za-z0-9_-]{22}$/);
  });
});

test('who waits for others is born blocked by each of them, until all have completed unless it says otherwise', async () => {
  const job = await born({ after: ['a', 'b', 'a'], delayMs: 5 });
  expect(job).toMatchObject({ state: 'blocked', after: { jobs: ['a', 'b'], need: 'all', when: 'success' } });
  expect(job.context).toMatchObject({ blockedBy: ['a', 'b'], dueAt: at + 5 });
  expect((await born({ after: ['a'], afterNeed: 'any', afterWhen: 'end' })).after).toMatchObject({
    need: 'any',
    when: 'end',
  });
});

describe('a repeat', () => {
  const twice = async (one: Partial<Request>, other: Partial<Request>) => {
    const options = { id: 'a', queue: 'live', maxAttempts: 2 };
    const first = await admit(request(options, one), known());
    return isSameSubmission(first, await admit(request(options, { source: 's:2', at: at + 1, ...other }), known()));
  };

  test('with the same content is the same submission', async () => {
    expect(await twice({}, {})).toBe(true);
  });

  test('is the same in whatever order its headers and its payload were written', async () => {
    const options = { maxAttempts: 2, queue: 'live', id: 'a' };
    expect(
      await twice({ payload: { a: 1, b: { c: 2, d: 3 } } }, { options, payload: { b: { d: 3, c: 2 }, a: 1 } }),
    ).toBe(true);
  });

  test('with other content is a conflict, told in a sentence', async () => {
    expect(await twice({}, { payload: { a: 2 } })).toBe(false);
    expect(await twice({}, { options: { id: 'a', queue: 'live', maxAttempts: 3 } })).toBe(false);
    expect(await twice({}, { type: 'transcode' })).toBe(false);
    expect(conflictText(await born({ id: 'a' }))).toMatch(
      /^Expected a new job or a repeat of job a, got other content under the same id \(409\)\..* Use another Job-Id or Idempotency-Key\.$/,
    );
  });

  test('that was delivered again is the same, whatever has become of the job', async () => {
    const first = await born();
    expect(isSameSubmission({ ...first, state: 'completed' }, await born())).toBe(true);
    expect(isSameSubmission(first, await admit(request({}, { source: 's:2' }), known()))).toBe(false);
  });

  test('that has the number of one which a power cut took is another one', async () => {
    const lost = await born();
    expect(isSameSubmission(lost, await admit(request({}, { at: lost.createdAt + 1 }), known()))).toBe(false);
    expect(isSameSubmission({ source: lost.source }, await born())).toBe(true);
  });
});

test.each<[Requirements, Requirements]>([
  [{ vramMb: 8_000 }, { vramMb: 8_000, gpu: 1 }],
  [{ vendor: 'amd' }, { vendor: 'amd', gpu: 1 }],
  [
    { vramMb: 8_000, gpu: 2 },
    { vramMb: 8_000, gpu: 2 },
  ],
  [
    { vendor: 'amd', gpu: 0 },
    { vendor: 'amd', gpu: 0 },
  ],
  [{ encoder: 'libx264' }, { encoder: 'libx264' }],
])('who asks for %j gets %j', async (requirements, got) => {
  expect((await born({ requirements })).requirements).toEqual(got);
});

describe('refused, with what was expected, what was met and what to do, is', () => {
  test.each([
    ['nop', 'Did you mean noop?'],
    ['transcoder', 'Did you mean transcode?'],
    ['email-campaign', 'This cluster knows noop, transcode.'],
  ])('an unknown type, %s', async (type, hint) => {
    await expect(admit(request({}, { type }), known())).rejects.toMatchObject({
      code: 'input.invalid',
      message: `Expected a job type that this cluster knows, got \`${type}\`. ${hint}`,
    });
  });

  test('a payload that is too large', async () => {
    const text = 'x'.repeat(64 * 1024);
    await expect(admit(request({}, { payload: { text } }), known())).rejects.toMatchObject({
      code: 'input.invalid',
      message:
        'Expected a payload of at most 65536 bytes of JSON, got 65547. Put the data where the worker can fetch it, and its address into the payload.',
    });
    await expect(admit(request({}, { payload: { text: text.slice(11) } }), known())).resolves.toBeDefined();
  });

  test('a payload that is nested too deeply to be written again', async () => {
    const payload: unknown = JSON.parse(`${'{"a":'.repeat(12_000)}1${'}'.repeat(12_000)}`);
    await expect(admit(request({ id: 'deep' }, { payload }), known())).rejects.toMatchObject({
      code: 'input.invalid',
      message:
        'Expected a payload that can be written as JSON, of at most 200 levels, got one that is nested deeper. Make it flatter.',
    });
  });

  test.each(['Live', 'a.b', '', '1st', 'x'.repeat(33)])('a queue that is no name, %s', async (queue) => {
    await expect(born({ queue })).rejects.toMatchObject({
      code: 'input.invalid',
      message: `Expected a queue of a lower-case letter and up to 31 of \`a-z 0-9 _ -\`, got \`${queue}\`. Choose another name.`,
    });
  });

  test.each([
    ['its own id', { id: 'a', after: ['b', 'a'] }, 'its own id a'],
    ['none', { after: [] }, '0'],
    ['more than 500', { after: Array.from({ length: 501 }, (_, at) => `j${at}`) }, '501'],
    ['what is no id', { after: ['b c'] }, 'b c'],
    ['none, but how they must end', { afterWhen: 'end' as const }, '0'],
  ])('to wait for %s', async (_, options, met) => {
    await expect(born(options)).rejects.toMatchObject({
      code: 'input.invalid',
      message: `Expected \`after\` to be the ids of 1 to 500 other jobs, got ${met}. Name jobs that are submitted before or beside this one.`,
    });
  });

  test('a payload that is not what its type takes', async () => {
    const payload = { file: 5, size: { width: 'wide' } };
    await expect(admit(request({}, { payload }), withDefinition())).rejects.toMatchObject({
      code: 'input.invalid',
      message: expect.stringMatching(
        /^Expected a payload of type noop, got another\. At `file`: Expected a path\. At `size\.width`: .+\. Correct it\.$/,
      ),
    });
  });
});

describe('what is said of a job beside its payload', () => {
  const refused = { code: 'input.invalid', message: expect.stringContaining('beside its payload') };

  test('may be much, and not more than each of its moves can be written with', async () => {
    expect((await born({ name: 'n'.repeat(90_000) })).name).toHaveLength(90_000);
    await expect(born({ name: 'n'.repeat(100_000) })).rejects.toMatchObject(refused);
    await expect(born({ tags: ['t'.repeat(50_000), 'u'.repeat(50_000)] })).rejects.toMatchObject(refused);
    expect(await born({ requirements: { labels: { zone: 'z'.repeat(50_000) } } })).toBeDefined();
    await expect(born({ requirements: { labels: { zone: 'ö'.repeat(10_000) } } })).rejects.toMatchObject(refused);
  });

  test('is enough for as many jobs to wait for as there may be, with names as long as they may be', async () => {
    const after = Array.from({ length: 500 }, (_, n) => `${n}-`.padEnd(64, 'x'));
    expect((await born({ after })).after?.jobs).toHaveLength(500);
  });
});
