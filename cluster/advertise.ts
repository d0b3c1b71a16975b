/**
 * What an operator declares of a worker: `--advertise gpu=1,vram=8000,encoder=h264_nvenc`. It is believed, and shown
 * as declared, not measured. `vram` is said once for all GPUs, or of each: `gpu=2,vram=8000,vram=24000`.
 */

import type { Capacity } from '../machines/rules/capability.ts';
import { Fault } from '../runtime/faults.ts';

/** What was declared, and the names of it. */
export interface Advertised {
  capacity: Partial<Capacity>;
  declared: readonly string[];
}

type Read = (value: string, so: Partial<Capacity>) => Partial<Capacity> | undefined;

const readers: Readonly<Record<string, Read>> = {
  gpu: (value) => number(value, (gpu) => ({ gpu })),
  vram: (value, so) => number(value, (vramMb) => vramOf(vramMb, so)),
  vendor: (vendor) => ({ vendor }),
  encoder: (value, so) => ({ encoders: [...(so.encoders ?? []), value] }),
  disk: (value) => number(value, (diskMb) => ({ diskMb })),
  memory: (value) => number(value, (memoryMb) => ({ memoryMb })),
  slots: (value) => number(value, (slots) => (slots > 0 ? { slots } : {})),
};

/** @throws {Fault} `option.invalid` */
export function parseAdvertised(text: string | undefined): Advertised {
  let capacity: Partial<Capacity> = {};
  const declared = new Set<string>();
  for (const pair of (text ?? '').split(',').filter(Boolean)) {
    const [name = '', value = ''] = pair.split('=').map((part) => part.trim());
    const part = value === '' ? undefined : readers[name]?.(value, capacity);
    if (part === undefined)
      throw new Fault(
        'option.invalid',
        `Expected \`advertise\` to be pairs of ${Object.keys(readers).join(', ')} and a value, got \`${pair}\`. Write, for example, \`gpu=1,vram=8000,encoder=h264_nvenc\`.`,
      );
    capacity = { ...capacity, ...part };
    declared.add(name);
  }
  const { gpu = 0, vramsMb } = capacity;
  if (vramsMb !== undefined && vramsMb.length !== gpu)
    throw new Fault(
      'option.invalid',
      `Expected \`advertise\` to say \`vram\` once, or once for each of ${gpu} GPUs, got it ${vramsMb.length} times. Correct \`gpu\`, or name each.`,
    );
  return { capacity, declared: [...declared] };
}

/** Said again, it is of another GPU. */
function vramOf(vramMb: number, { vramMb: before, vramsMb }: Partial<Capacity>): Partial<Capacity> {
  if (before === undefined) return { vramMb };
  return { vramMb: Math.min(before, vramMb), vramsMb: [...(vramsMb ?? [before]), vramMb] };
}

function number(value: string, then: (number: number) => Partial<Capacity>): Partial<Capacity> | undefined {
  return /^\d+$/.test(value) ? then(Number(value)) : undefined;
}
