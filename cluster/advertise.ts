/**
 * What an operator declares of a worker: `--advertise gpu=1,vram=8000,encoder=h264_nvenc`. It is believed, and shown
 * as declared, not measured. `vram` and `vendor` are said once for all GPUs, or of each: `gpu=2,vram=8000,vram=24000`. An encoder is
 * said of all of them, or of one: `encoder=1:av1_nvenc` of the second.
 */

import type { Capacity } from '../machines/rules/capability.ts';
import type { Gpu } from '../machines/rules/gpu.ts';
import { Fault } from '../runtime/faults.ts';

/** What was declared, and the names of it. */
export interface Advertised {
  capacity: Partial<Capacity>;
  declared: readonly string[];
}

/** What was said so far. */
interface Said {
  numbers: Map<'gpu' | 'diskMb' | 'memoryMb' | 'slots', number>;
  vrams: number[];
  vendors: string[];
  encoders: string[];
  /** By the number of the GPU, from 0. */
  encodersOf: Map<number, string[]>;
}

/** Notes a value; `false` where it is none. */
type Read = (value: string, said: Said) => boolean;

const whole = /^\d+$/;

const readers: Readonly<Record<string, Read>> = {
  gpu: number('gpu'),
  vram: (value, { vrams }) => whole.test(value) && vrams.push(Number(value)) > 0,
  vendor: (value, { vendors }) => vendors.push(value) > 0,
  encoder,
  disk: number('diskMb'),
  memory: number('memoryMb'),
  slots: (value, said) => Number(value) !== 0 && number('slots')(value, said),
};

function number(name: 'gpu' | 'diskMb' | 'memoryMb' | 'slots'): Read {
  return (value, { numbers }) => whole.test(value) && numbers.set(name, Number(value)).size > 0;
}

function encoder(value: string, { encoders, encodersOf }: Said): boolean {
  const [, at, name = ''] = /^(\d+):(.+)$/.exec(value) ?? [];
  if (at === undefined) return encoders.push(value) > 0;
  encodersOf.set(Number(at), [...(encodersOf.get(Number(at)) ?? []), name]);
  return true;
}

/** @throws {Fault} `option.invalid` */
export function parseAdvertised(text: string | undefined): Advertised {
  const said: Said = { numbers: new Map(), vrams: [], vendors: [], encoders: [], encodersOf: new Map() };
  const declared = new Set<string>();
  for (const pair of (text ?? '').split(',').filter(Boolean)) {
    const [name = '', value = ''] = pair.split('=').map((part) => part.trim());
    if (value === '' || readers[name]?.(value, said) !== true)
      throw new Fault(
        'option.invalid',
        `Expected \`advertise\` to be pairs of ${Object.keys(readers).join(', ')} and a value, got \`${pair}\`. Write, for example, \`gpu=1,vram=8000,encoder=h264_nvenc\`.`,
      );
    declared.add(name);
  }
  return { capacity: capacityOf(said), declared: [...declared] };
}

function capacityOf(said: Said): Partial<Capacity> {
  const { numbers, vrams, vendors, encoders, encodersOf } = said;
  const gpu = numbers.get('gpu') ?? 0;
  expectEach('vram', vrams.length, gpu);
  expectEach('vendor', vendors.length, gpu);
  const unknown = [...encodersOf.keys()].find((at) => at >= gpu);
  if (unknown !== undefined)
    throw new Fault(
      'option.invalid',
      `Expected \`advertise\` to say \`encoder\` of one of ${gpu} GPUs, the first of which is 0, got ${unknown}. Correct \`gpu\`, or the number.`,
    );
  const [vendor] = vendors;
  const differ = encodersOf.size > 0 || new Set(vendors).size > 1;
  return {
    ...Object.fromEntries(numbers),
    ...(vrams.length === 0 ? {} : { vramMb: Math.min(...vrams) }),
    ...(vrams.length > 1 ? { vramsMb: vrams } : {}),
    ...(vendor === undefined || new Set(vendors).size > 1 ? {} : { vendor }),
    ...(encoders.length === 0 ? {} : { encoders }),
    ...(differ ? { gpus: Array.from({ length: gpu }, (_, at) => gpuAt(at, said)) } : {}),
  };
}

function gpuAt(at: number, { vrams, vendors, encodersOf }: Said): Gpu {
  const vendor = vendors[at] ?? vendors[0];
  return {
    name: String(at),
    vramMb: vrams[at] ?? vrams[0] ?? 0,
    ...(vendor === undefined ? {} : { vendor }),
    encoders: encodersOf.get(at) ?? [],
  };
}

function expectEach(name: string, times: number, gpu: number): void {
  if (times < 2 || times === gpu) return;
  throw new Fault(
    'option.invalid',
    `Expected \`advertise\` to say \`${name}\` once, or once for each of ${gpu} GPUs, got it ${times} times. Correct \`gpu\`, or name each.`,
  );
}
