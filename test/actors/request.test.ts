import { describe, expect, test } from 'vitest';
import type { JobOptions } from '../../actors/admission.ts';
import { fields, readOptions, readRequest, refOf } from '../../actors/request.ts';
import type { Submission } from '../../runtime/ports.ts';

const streamCreatedAt = 1_700_000_000_000;

function submission(body: unknown, headers: Record<string, string> = {}): Submission {
  return {
    sequence: 17,
    streamCreatedAt,
    tenant: 'default',
    type: 'noop',
    headers: new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)),
    at: streamCreatedAt + 5,
    deliveries: 1,
  };
}

const optionsOf = (headers: Record<string, string>) => readRequest(submission({}, headers)).options;
const inEnvelope = (options: Record<string, unknown>) => readRequest(submission({ payload: {}, options })).options;

const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

/** What each thing that may be said means, by its header. */
const meanings: Readonly<Record<string, [text: string, meant: JobOptions]>> = {
  'Job-Id': ['nightly-17', { id: 'nightly-17' }],
  'Idempotency-Key': ['order 4711', { idempotencyKey: 'order 4711' }],
  Unique: ['type+payload', { unique: { by: 'type+payload' } }],
  'Unique-Key': ['customer 17', { unique: { key: 'customer 17' } }],
  'Unique-While': ['Waiting', { unique: { while: 'waiting' } }],
  'Unique-Period': ['10m', { unique: { periodMs: 600_000 } }],
  'Unique-Conflict': ['coalesce', { unique: { onConflict: 'coalesce' } }],
  Name: ['Trailer, 720p', { name: 'Trailer, 720p' }],
  Queue: ['live', { queue: 'live' }],
  Priority: ['HIGH', { priority: 'high' }],
  Tags: ['trailer, 4k,,', { tags: ['trailer', '4k'] }],
  'Limit-Key': ['gpu.big, api.acme,gpu.big', { limitKeys: ['api.acme', 'gpu.big'] }],
  Delay: ['1m30s', { delayMs: 90_000 }],
  'Run-At': ['2027-01-01T00:00:00Z', { runAt: Date.UTC(2027, 0, 1) }],
  'Expires-In': ['1h', { expiresInMs: 3_600_000 }],
  'Expires-At': ['1798761600000', { expiresAt: 1_798_761_600_000 }],
  'Max-Attempts': ['4', { maxAttempts: 4 }],
  Backoff: ['fixed(5s)', { backoff: { kind: 'fixed', delayMs: 5_000, jitterMs: 0 } }],
  Timeout: ['10m', { timeoutMs: 600_000 }],
  'Stale-After': ['30m', { staleAfterMs: 1_800_000 }],
  Hold: ['true', { hold: true }],
  After: ['probe-1, probe-2,', { after: ['probe-1', 'probe-2'] }],
  'After-Need': ['any', { afterNeed: 'any' }],
  'After-When': ['failure', { afterWhen: 'failure' }],
  Gpu: ['1', { requirements: { gpu: 1 } }],
  Vram: ['8000', { requirements: { vramMb: 8_000 } }],
  'Gpu-Vendor': ['NVIDIA', { requirements: { vendor: 'nvidia' } }],
  Encoder: ['h264_nvenc', { requirements: { encoder: 'h264_nvenc' } }],
  Slots: ['2', { requirements: { slots: 2 } }],
  Memory: ['2048', { requirements: { memoryMb: 2_048 } }],
  Disk: ['20000', { requirements: { diskMb: 20_000 } }],
  Version: ['>=2.1&<3', { requirements: { version: '>=2.1&<3' } }],
  Labels: [
    'zone=eu|us, disk = ssd, cores >= 8, cores<32, fast, !spot',
    { requirements: { labels: { zone: 'eu|us', disk: 'ssd', cores: '>=8&<32', fast: '*', spot: '!' } } },
  ],
  Traceparent: [traceparent, { traceparent }],
  Tracestate: ['vendor=x', { tracestate: 'vendor=x' }],
  Ref: ['upload-9', {}],
};

describe('what a submitter may say', () => {
  test('is all tested here', () => {
    expect(Object.keys(meanings)).toEqual(fields.map(({ header }) => header));
  });

  test.each(fields.map((field) => [field.header, field] as const))('in header %s is understood', (header) => {
    const [text = '', meant] = meanings[header] ?? [];
    expect(optionsOf({ [header]: text })).toEqual(meant);
    expect(optionsOf({ [header.toUpperCase()]: ` ${text} ` })).toEqual(meant);
  });

  test.each(fields.map((field) => [field.field, field] as const))('as option %s means the same', (name, { header }) => {
    const [text = '', meant] = meanings[header] ?? [];
    expect(inEnvelope({ [name]: text })).toEqual(meant);
    expect(readOptions({ [name]: text })).toEqual(meant);
  });

  test.each(fields.map((field) => [field.header, field] as const))(
    'in header %s has an example that holds',
    (header, { example }) => {
      expect(() => optionsOf({ [header]: example })).not.toThrow();
    },
  );

  test.each(fields.filter(({ isHint }) => isHint !== true).map((field) => [field.header, field] as const))(
    'in header %s must not be empty',
    (header, { expects, example }) => {
      expect(() => optionsOf({ [header]: ' ' })).toThrow(
        `Expected \`${header}\` to be ${expects}, got \` \`. Write, for example, \`${example}\`.`,
      );
    },
  );
});

test.each([
  '',
  ' ',
  'nonsense',
  `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
  `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
])('a place in a trace that is none, `%s`, keeps no job out', (wrong) => {
  expect(optionsOf({ traceparent: wrong, Queue: 'live' })).toEqual({ queue: 'live' });
  expect(inEnvelope({ traceparent: wrong, queue: 'live' })).toEqual({ queue: 'live' });
});

describe('a wrong value', () => {
  test.each([
    ['Priority', 'urgent'],
    ['Delay', 'soon'],
    ['Delay', '-5s'],
    ['Run-At', 'tomorrow'],
    ['Run-At', '5'],
    ['Run-At', '12/24/2027'],
    ['Expires-At', '2027-13-01T00:00:00Z'],
    ['Expires-In', '1 hour'],
    ['Max-Attempts', '0'],
    ['Max-Attempts', '1.5'],
    ['Backoff', 'exponential(1s, max banana)'],
    ['Timeout', 'never'],
    ['Stale-After', 'x'],
    ['Hold', 'yes'],
    ['After-Need', 'some'],
    ['After-When', 'never'],
    ['Gpu', '-1'],
    ['Vram', '8GB'],
    ['Gpu-Vendor', 'nvdia'],
    ['Slots', '0'],
    ['Memory', 'lots'],
    ['Disk', '20G'],
    ['Version', '>=two'],
    ['Labels', 'zone eu'],
    ['Labels', 'cores>=many'],
    ['Labels', '!zone=eu'],
    ['Labels', 'a=b=c'],
    ['Labels', '=eu'],
    ['Ref', 'my upload'],
    ['Ref', 'yard.ack.>'],
  ])('of %s, %s, is refused with what was expected, what was met and what to do', (header, value) => {
    const field = fields.find((one) => one.header === header);
    const sentence = (name: string) =>
      `Expected \`${name}\` to be ${field?.expects}, got \`${value}\`. Write, for example, \`${field?.example}\`.`;
    expect(() => optionsOf({ [header]: value })).toThrow(
      expect.objectContaining({ code: 'input.invalid', message: sentence(header) }),
    );
    expect(() => inEnvelope({ [field?.field ?? '']: value })).toThrow(sentence(field?.field ?? ''));
  });
});

describe('an unknown name', () => {
  test.each([
    ['Priorty', 'Expected a known header, got `priorty`. Did you mean `Priority`?'],
    ['Max-Atempts', 'Expected a known header, got `max-atempts`. Did you mean `Max-Attempts`?'],
  ])('in a header, %s, is refused with the nearest one', (name, sentence) => {
    expect(() => optionsOf({ [name]: 'x' })).toThrow(sentence);
  });

  test('in an envelope is refused with the nearest one', () => {
    expect(() => inEnvelope({ prioritee: 'high' })).toThrow(
      'Expected a known option, got `prioritee`. Did you mean `priority`?',
    );
  });

  test('that is near to none is refused with all there are', () => {
    const known = fields.map(({ header }) => header).join(', ');
    expect(() => optionsOf({ 'X-Request-Id': '1' })).toThrow(
      `Expected a known header, got \`x-request-id\`. Known are ${known}.`,
    );
  });

  test.each(['constructor', '__proto__', 'toString'])('that every object has, %s, is refused too', (name) => {
    expect(() => inEnvelope(JSON.parse(`{"${name}": "x"}`))).toThrow('Expected a known option');
  });
});

test.each(['Nats-Msg-Id', 'Nats-Expected-Stream', 'nmqtt-pub', 'baggage', 'Content-Type', 'Reply-To', 'User-Agent'])(
  'a header of others, %s, is passed over',
  (name) => {
    expect(optionsOf({ [name]: 'x', Queue: 'live' })).toEqual({ queue: 'live' });
  },
);

describe('an envelope', () => {
  test('may say in JSON what headers say in text', () => {
    const options = inEnvelope({
      tags: ['trailer', '4k'],
      delay: 1_500,
      maxAttempts: 3,
      hold: true,
      labels: { zone: 'eu' },
      gpu: 1,
      timeout: 'none',
    });
    expect(options).toEqual({
      tags: ['trailer', '4k'],
      delayMs: 1_500,
      maxAttempts: 3,
      hold: true,
      timeoutMs: null,
      requirements: { labels: { zone: 'eu' }, gpu: 1 },
    });
  });

  test('is told from a payload by having payload and options and nothing else', () => {
    const payloads = [{ payload: 1 }, { options: {} }, { payload: 1, options: {}, more: 1 }, {}];
    for (const body of payloads) expect(readRequest(submission(body)).payload).toEqual(body);
    expect(readRequest(submission({ payload: { a: 1 }, options: {} })).payload).toEqual({ a: 1 });
  });

  test('whose options are no object is refused', () => {
    expect(() => readRequest(submission({ payload: {}, options: [] }))).toThrow(
      'Expected `options` of the envelope to be an object, got an array. Give an object.',
    );
  });

  test('and headers together say what both say', () => {
    const both = readRequest(submission({ payload: {}, options: { gpu: 1 } }, { Memory: '5', Queue: 'live' }));
    expect(both.options).toEqual({ queue: 'live', requirements: { gpu: 1, memoryMb: 5 } });
  });
});

describe('a body', () => {
  test('that is empty is an empty payload', () => {
    expect(readRequest(submission('')).payload).toEqual({});
    expect(readRequest(submission(' \n')).payload).toEqual({});
  });

  test('that is no JSON is refused with its beginning', () => {
    expect(() => readRequest(submission('{"a": tru'))).toThrow(
      /^Expected JSON, got `\{"a": tru` \(.+\)\. Send a JSON object\.$/,
    );
  });

  test.each([
    ['[1]', 'an array'],
    ['5', 'a number'],
    ['"text"', 'a string'],
    ['true', 'a boolean'],
    ['null', 'null'],
  ])('that is no object, %s, is refused', (body, kind) => {
    expect(() => readRequest(submission(body))).toThrow(
      `Expected a JSON object as the payload, got ${kind}. Wrap it in an object.`,
    );
  });
});

describe('a submission', () => {
  test('has an id and a source that a redelivery has too, and no other submission', () => {
    const one = readRequest(submission({}));
    const again = readRequest({ ...submission({}), deliveries: 3 });
    const next = readRequest({ ...submission({}), sequence: 18 });
    const elsewhere = readRequest({ ...submission({}), streamCreatedAt: streamCreatedAt + 60_000 });
    expect([again.fallbackId, again.source]).toEqual([one.fallbackId, one.source]);
    expect(new Set([one, next, elsewhere].map(({ fallbackId }) => fallbackId)).size).toBe(3);
    expect(new Set([one, next, elsewhere].map(({ source }) => source)).size).toBe(3);
    expect(one).toMatchObject({ tenant: 'default', type: 'noop', at: streamCreatedAt + 5 });
  });

  test('has the ref of its header, or of its envelope', () => {
    expect(refOf(submission({}, { Ref: 'r-1' }))).toBe('r-1');
    expect(refOf(submission({ payload: {}, options: { ref: 'r-2' } }))).toBe('r-2');
    expect(refOf(submission({ ref: 'r-3' }))).toBeUndefined();
    expect(refOf(submission({}, { Ref: 'not a word' }))).toBeUndefined();
    expect(refOf(submission('{"ref": broken'))).toBeUndefined();
  });
});
