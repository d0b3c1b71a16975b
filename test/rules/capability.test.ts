import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Capacity,
  hasRoom,
  idle,
  type Requirements,
  requirementKey,
  rest,
  take,
  unmet,
  usageOf,
} from '../../machines/rules/capability.ts';
import { covers, type Gpu, isSharedOut, serves } from '../../machines/rules/gpu.ts';

const word = fc.constantFrom('nvidia', 'amd', 'intel');
const encoder = fc.constantFrom('h264_nvenc', 'hevc_nvenc', 'h264_vaapi');
const condition = fc.constantFrom('eu', 'eu|us', '!=ssd', '>=8', '*', '!', '>1&<9');
const labels = fc.dictionary(fc.constantFrom('zone', 'disk'), fc.constantFrom('eu', 'us', 'ssd'));

const needs: fc.Arbitrary<Requirements> = fc.record(
  {
    gpu: fc.nat(3),
    vramMb: fc.nat(3),
    vendor: word,
    encoder,
    slots: fc.integer({ min: 1, max: 4 }),
    memoryMb: fc.nat(3),
    diskMb: fc.nat(3),
    version: fc.constantFrom('>=1.9', '2.0', '<2.10&!=2.1'),
    labels: fc.dictionary(fc.constantFrom('zone', 'disk', 'cores'), condition),
  },
  { requiredKeys: [] },
);
const capacity: fc.Arbitrary<Capacity> = fc.record(
  {
    slots: fc.integer({ min: 1, max: 4 }),
    types: fc.subarray(['transcode', 'script']),
    gpu: fc.nat(3),
    vramMb: fc.nat(3),
    vendor: word,
    encoders: fc.subarray(['h264_nvenc', 'hevc_nvenc', 'h264_vaapi']),
    memoryMb: fc.nat(3),
    diskMb: fc.nat(3),
    versions: fc.record({ transcode: fc.constantFrom('1.9', '2', '2.10') }, { requiredKeys: [] }),
    labels,
  },
  { requiredKeys: ['slots', 'types', 'gpu', 'vramMb', 'encoders', 'memoryMb', 'labels'] },
);
const fits: Readonly<Record<string, string | undefined>> = {
  'eu|us': 'us',
  '!=ssd': 'eu',
  '>=8': '8',
  '*': 'eu',
  '>1&<9': '8.5',
};

/** A value for each label that meets the condition on it. */
function meeting(conditions: Requirements['labels'] = {}): Record<string, string> {
  const met = Object.entries(conditions).filter(([, condition]) => condition !== '!');
  return Object.fromEntries(met.map(([label, condition]) => [label, fits[condition] ?? condition]));
}

/** A job, and a worker that could run it: what the one asks for is added to what the other has. */
const fitting = fc.tuple(needs, capacity).map(([needs, more]): [Requirements, Capacity] => [
  needs,
  {
    ...more,
    types: ['transcode'],
    slots: more.slots + (needs.slots ?? 1) - 1,
    gpu: more.gpu + (needs.gpu ?? 0),
    vramMb: more.vramMb + (needs.vramMb ?? 0),
    memoryMb: more.memoryMb + (needs.memoryMb ?? 0),
    diskMb: (more.diskMb ?? 0) + (needs.diskMb ?? 0),
    ...(needs.vendor === undefined ? {} : { vendor: needs.vendor }),
    encoders: needs.encoder === undefined ? more.encoders : [...more.encoders, needs.encoder],
    labels: meeting(needs.labels),
    versions: { transcode: '2.0' },
  },
]);
const usage = fc.record({
  slots: fc.nat(5),
  gpu: fc.nat(3),
  memoryMb: fc.nat(3),
  diskMb: fc.nat(3),
  vramsMb: fc.array(fc.nat(3), { maxLength: 3 }),
});

const cpu: Capacity = { slots: 4, types: ['transcode'], gpu: 0, vramMb: 0, encoders: [], memoryMb: 1_000, labels: {} };
const gpu: Capacity = {
  ...cpu,
  gpu: 1,
  vramMb: 16_000,
  vendor: 'nvidia',
  encoders: ['h264_nvenc'],
  labels: { zone: 'eu' },
};

describe('what a worker lacks', () => {
  test('is nothing for a job that asks for nothing, as long as it serves the type', () => {
    fc.assert(
      fc.property(capacity, (capacity) => {
        expect(unmet('transcode', {}, capacity) === undefined).toBe(capacity.types.includes('transcode'));
      }),
    );
  });

  test('is never cured by asking for more, nor caused by having more', () => {
    fc.assert(
      fc.property(needs, capacity, (needs, capacity) => {
        const lacks = unmet('transcode', needs, capacity) !== undefined;
        const greedier = { ...needs, gpu: (needs.gpu ?? 0) + 1, memoryMb: (needs.memoryMb ?? 0) + 1 };
        const larger = { ...capacity, gpu: capacity.gpu + 1, vramMb: capacity.vramMb + 1, slots: capacity.slots + 1 };
        if (lacks) expect(unmet('transcode', greedier, capacity)).toBeDefined();
        if (!lacks) expect(unmet('transcode', needs, larger)).toBeUndefined();
      }),
    );
  });

  const cases: readonly [Requirements, string][] = [
    [{ gpu: 2 }, '2 GPUs'],
    [{ vramMb: 24_000 }, '24000 MiB of GPU memory'],
    [{ vendor: 'amd' }, 'a GPU by amd'],
    [{ encoder: 'hevc_nvenc' }, 'encoder hevc_nvenc'],
    [{ slots: 5 }, '5 slots'],
    [{ memoryMb: 2_000 }, '2000 MiB of memory'],
    [{ labels: { zone: 'us' } }, 'label zone=us'],
    [{ labels: { cores: '>=8&<32' } }, 'label cores>=8 and cores<32'],
    [{ labels: { zone: '!' } }, 'label !zone'],
    [{ diskMb: 10 }, '10 MiB of disk'],
    [{ version: '>=2.1' }, 'a handler of transcode of version >=2.1'],
  ];
  test.each(cases)('%o is told as “%s”', (needs, words) => {
    expect(unmet('transcode', needs, gpu)).toBe(words);
  });

  test('is told for the type before all else, and a CPU worker lacks the GPU', () => {
    expect(unmet('script', { gpu: 2 }, gpu)).toBe('type script');
    expect(unmet('transcode', { gpu: 1 }, cpu)).toBe('1 GPU');
    expect(unmet('transcode', { gpu: 1, encoder: 'h264_nvenc', labels: { zone: 'eu' } }, gpu)).toBeUndefined();
  });
});

describe('room', () => {
  test('is there on an idle worker for every job that it could run at all', () => {
    fc.assert(
      fc.property(fitting, ([needs, capacity]) => {
        expect(unmet('transcode', needs, capacity)).toBeUndefined();
        expect(hasRoom(needs, capacity, idle, 0)).toBe(true);
      }),
    );
  });

  test('taken by jobs that each had room never exceeds what the worker has, but for look-ahead in slots', () => {
    fc.assert(
      fc.property(fc.array(needs, { maxLength: 12 }), capacity, fc.nat(3), (jobs, capacity, lookAhead) => {
        const used = { ...idle };
        for (const job of jobs) {
          if (unmet('transcode', job, capacity) !== undefined || !hasRoom(job, capacity, used, lookAhead)) continue;
          take(used, job);
        }
        expect(used.slots).toBeLessThanOrEqual(capacity.slots + lookAhead);
        expect(used.gpu).toBeLessThanOrEqual(capacity.gpu);
        expect(used.memoryMb).toBeLessThanOrEqual(capacity.memoryMb);
        expect(used.diskMb).toBeLessThanOrEqual(capacity.diskMb ?? 0);
      }),
    );
  });

  test('never appears because more is taken', () => {
    fc.assert(
      fc.property(needs, capacity, usage, (needs, capacity, usage) => {
        fc.pre(!hasRoom(needs, capacity, usage, 0));
        const { slots, gpu, memoryMb, diskMb } = usage;
        const vramsMb = [...usage.vramsMb, 1];
        const fuller = { slots: slots + 1, gpu: gpu + 1, memoryMb: memoryMb + 1, diskMb: diskMb + 1, vramsMb };
        expect(hasRoom(needs, capacity, fuller, 0)).toBe(false);
      }),
    );
  });

  test('for a job without a GPU is there while all GPUs are taken', () => {
    expect(hasRoom({}, gpu, { ...idle, slots: 1, gpu: 1 }, 0)).toBe(true);
    expect(hasRoom({ gpu: 1 }, gpu, { ...idle, slots: 1, gpu: 1 }, 0)).toBe(false);
  });
});

describe('GPUs that differ', () => {
  const vram = fc.constantFrom(0, 8, 16, 24, 80);
  const mixed: Capacity = { ...gpu, gpu: 3, vramMb: 8, vramsMb: [8, 24, 80] };

  /** Whether some way of giving each wish a GPU of its own goes, by trying all. */
  function canServe(vramsMb: readonly number[], [wish, ...others]: readonly number[]): boolean {
    if (wish === undefined) return true;
    return vramsMb.some((has, at) => has >= wish && canServe(vramsMb.toSpliced(at, 1), others));
  }

  test('cover what is wished of them exactly where some way of sharing them out does', () => {
    fc.assert(
      fc.property(fc.array(vram, { maxLength: 5 }), fc.array(vram, { maxLength: 6 }), (vramsMb, wanted) => {
        expect(covers(vramsMb, wanted)).toBe(canServe(vramsMb, wanted));
      }),
    );
  });

  test('count for a job that needs some of them by what each has', () => {
    expect(unmet('transcode', { gpu: 1, vramMb: 80 }, mixed)).toBeUndefined();
    expect(unmet('transcode', { gpu: 2, vramMb: 24 }, mixed)).toBeUndefined();
    expect(unmet('transcode', { gpu: 2, vramMb: 80 }, mixed)).toBe('2 GPUs of 80 MiB each');
    expect(unmet('transcode', { gpu: 1, vramMb: 81 }, mixed)).toBe('81 MiB of GPU memory');
  });

  test('leave room beside jobs that have some, as long as those are not the ones that it takes', () => {
    const used = { ...idle };
    take(used, { gpu: 1 }, 1, { vramsMb: [80] });
    expect(hasRoom({ gpu: 1, vramMb: 80 }, mixed, used, 0)).toBe(false);
    expect(hasRoom({ gpu: 2 }, mixed, used, 0)).toBe(true);
    take(used, { gpu: 1 }, -1, { vramsMb: [80] });
    take(used, { gpu: 1 });
    expect(hasRoom({ gpu: 1, vramMb: 80 }, mixed, used, 0)).toBe(true);
    expect(hasRoom({ gpu: 3 }, mixed, used, 0)).toBe(false);
    expect(rest(mixed, { ...idle, gpu: 1, vramsMb: [24] })).toMatchObject({ gpu: 2, vramsMb: [8, 80] });
  });
});

describe('GPUs that differ in kind', () => {
  const old: Gpu = { name: '0', vramMb: 24, vendor: 'nvidia', encoders: ['h264_nvenc'] };
  const young: Gpu = { name: '1', vramMb: 16, vendor: 'nvidia', encoders: ['h264_nvenc', 'av1_nvenc'] };
  const other: Gpu = { name: '2', vramMb: 16, vendor: 'amd', encoders: [] };
  const mixed: Capacity = {
    ...cpu,
    gpu: 3,
    vramMb: 16,
    vramsMb: [24, 16, 16],
    gpus: [old, young, other],
    encoders: ['libx264'],
  };
  const wish = fc.record(
    {
      vramMb: fc.constantFrom(8, 24),
      vendor: fc.constantFrom('nvidia', 'amd'),
      encoder: fc.constantFrom('h264', 'av1'),
    },
    { requiredKeys: [] },
  );
  const kind = fc.record({
    vramMb: fc.constantFrom(8, 24),
    vendor: fc.constantFrom('nvidia', 'amd'),
    encoders: fc.subarray(['h264', 'av1']),
  });

  /** Whether some way of giving each wish a GPU of its own goes, by trying all. */
  function canServe(gpus: readonly Gpu[], [first, ...others]: readonly Requirements[]): boolean {
    if (first === undefined) return true;
    return gpus.some((has, at) => serves(has, first, []) && canServe(gpus.toSpliced(at, 1), others));
  }

  test('are shared out exactly where some way of sharing them out goes', () => {
    fc.assert(
      fc.property(
        fc.array(kind, { maxLength: 5 }),
        fc.array(wish, { maxLength: 5 }),
        fc.nat(4),
        (kinds, wishes, taken) => {
          const gpus = kinds.map((each, at) => ({ name: String(at), ...each }));
          const uses = [String(taken), ...wishes.flatMap((needs) => usageOf({ ...needs, gpu: 1 }).gpus ?? [])];
          const free = gpus.filter(({ name }) => name !== String(taken));
          expect(isSharedOut(gpus, uses, [])).toBe(canServe(free, wishes));
        },
      ),
    );
  });

  test.each<[Requirements, string | undefined]>([
    [{ gpu: 1, vendor: 'amd' }, undefined],
    [{ gpu: 1, vendor: 'intel' }, 'a GPU by intel'],
    [{ gpu: 2, vendor: 'amd' }, '2 GPUs by amd'],
    [{ gpu: 1, encoder: 'av1_nvenc' }, undefined],
    [{ gpu: 3, encoder: 'libx264' }, undefined],
    [{ gpu: 1, encoder: 'hevc_nvenc' }, 'encoder hevc_nvenc'],
    [{ gpu: 1, vramMb: 24, encoder: 'av1_nvenc' }, '1 GPU of 24 MiB with av1_nvenc'],
    [{ gpu: 2, vramMb: 16, vendor: 'nvidia', encoder: 'av1_nvenc' }, '2 GPUs of 16 MiB each by nvidia with av1_nvenc'],
  ])('lack of what %o asks for: %s', (asked, lack) => {
    expect(unmet('transcode', asked, mixed)).toBe(lack);
  });

  test('leave room beside a job as long as it may have another one, and none once it has that very one', () => {
    const used = { ...idle };
    take(used, { gpu: 1, vendor: 'nvidia' });
    expect(hasRoom({ gpu: 1, encoder: 'av1_nvenc' }, mixed, used, 0)).toBe(true);
    expect(hasRoom({ gpu: 2, vendor: 'nvidia' }, mixed, used, 0)).toBe(false);
    take(used, { gpu: 1, vendor: 'nvidia' }, -1);
    expect(used).toEqual(idle);
    take(used, { gpu: 1, vendor: 'nvidia' }, 1, { devices: ['1'], vramsMb: [16] });
    expect(hasRoom({ gpu: 1, encoder: 'av1_nvenc' }, mixed, used, 0)).toBe(false);
    expect(hasRoom({ gpu: 1, encoder: 'h264_nvenc' }, mixed, used, 0)).toBe(true);
    expect(rest(mixed, used)).toMatchObject({ gpu: 2, gpus: [old, other], vramsMb: [24, 16] });
  });
});

describe('the key of a set of requirements', () => {
  /** The same requirements, written in the opposite order. */
  function reversed<Value extends object>(value: Value): Value {
    return Object.assign(Object.create(null), Object.fromEntries(Object.entries(value).reverse()));
  }

  test('does not depend on the order of writing', () => {
    fc.assert(
      fc.property(needs, (needs) => {
        const other = reversed({ ...needs, ...(needs.labels === undefined ? {} : { labels: reversed(needs.labels) }) });
        expect(requirementKey('transcode', other)).toBe(requirementKey('transcode', needs));
      }),
    );
  });

  test('is the same for two sets only where they ask for the same', () => {
    const texts = fc.stringMatching(/^[ab|,="]{0,3}$/);
    const tricky = fc.record({ vendor: texts, encoder: texts, labels: fc.dictionary(texts, texts, { maxKeys: 2 }) });
    const full = (needs: Requirements) => [needs.vendor, needs.encoder, new Map(Object.entries(needs.labels ?? {}))];
    fc.assert(
      fc.property(fc.array(tricky, { minLength: 30, maxLength: 60 }), (sets) => {
        const byKey = Map.groupBy(sets, (needs) => requirementKey('transcode', needs));
        for (const [first, ...others] of byKey.values())
          for (const other of others) expect(full(other)).toEqual(full(first ?? {}));
      }),
    );
    expect(requirementKey('t', { labels: { a: '1,b=2' } })).not.toBe(
      requirementKey('t', { labels: { a: '1', b: '2' } }),
    );
    expect(requirementKey('t', { vendor: 'a|b' })).not.toBe(requirementKey('t', { vendor: 'a', encoder: 'b' }));
  });

  test('differs where a type or a need differs', () => {
    const all: Requirements = {
      gpu: 1,
      vramMb: 2,
      vendor: 'amd',
      encoder: 'x',
      slots: 3,
      memoryMb: 4,
      labels: { a: '1' },
    };
    const less = Object.keys(all).map((name) =>
      Object.fromEntries(Object.entries(all).filter(([other]) => other !== name)),
    );
    const keys = [all, {}, ...less].map((needs) => requirementKey('transcode', needs));
    expect(new Set([...keys, requirementKey('script', all)]).size).toBe(keys.length + 1);
  });
});
