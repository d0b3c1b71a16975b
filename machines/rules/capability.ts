/**
 * What a job asks of a worker, what a worker has, and whether the one fits into the other.
 *
 * Pure comparison of plain data. `unmet` names the first thing that is missing, so that the same function
 * decides where a job may run and answers "why is it waiting?".
 */

import { byVersion, inWords, meets } from './condition.ts';
import { covers, type Gpu, isSharedOut, serves, wishTexts } from './gpu.ts';

const none: readonly string[] = [];

/** What a job needs. Everything is optional; an empty object runs anywhere that serves its type. */
export interface Requirements {
  /** GPUs, each with at least `vramMb` MiB of memory. */
  gpu?: number;
  vramMb?: number;
  /** GPU maker, lower case: `nvidia`, `amd`, `intel`. */
  vendor?: string;
  /** An encoder that was tried and works there, such as `h264_nvenc`. */
  encoder?: string;
  /** Slots of the worker's concurrency that the job takes; 1 where absent. */
  slots?: number;
  /** Memory, MiB. */
  memoryMb?: number;
  /** Room on the disk that the worker writes to, MiB. */
  diskMb?: number;
  /** What its handler's version must be: a condition such as `>=2.1` (`condition.ts`). */
  version?: string;
  /** Conditions on labels: `{ zone: 'eu', cores: '>=8', disk: '!=hdd' }` (`condition.ts`). */
  labels?: Readonly<Record<string, string>>;
}

/** What a worker offers: measured by the worker itself, or declared by its operator. */
export interface Capacity {
  slots: number;
  types: readonly string[];
  gpu: number;
  /** Of each GPU, or of the smallest where they differ. */
  vramMb: number;
  /** Of each GPU, where they differ. */
  vramsMb?: readonly number[];
  /**
   * Each GPU, where they differ in maker or encoders. `vendor`, `encoders` and `vramsMb` then say what is true whichever
   * of them a job gets, for leaders that know no more.
   */
  gpus?: readonly Gpu[];
  vendor?: string;
  encoders: readonly string[];
  memoryMb: number;
  /** What is free on the disk that it writes to, MiB; absent where it is not known. */
  diskMb?: number;
  /** Versions of handlers, by type, of those that have one. */
  versions?: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
}

/** The part of a worker's capacity that its present jobs take up. */
export interface Usage {
  slots: number;
  gpu: number;
  memoryMb: number;
  diskMb: number;
  /** For each GPU that is taken its memory, or what was asked of it as long as it is not known which one that is. */
  vramsMb: readonly number[];
  /** For each GPU that is taken its name, or what was asked of it (`wishText`). Absent: none is. */
  gpus?: readonly string[];
}

/** Which GPUs a job has, as far as that is known. */
export interface Held {
  vramsMb?: readonly number[];
  devices?: readonly string[];
}

/** Nothing taken. */
export const idle: Usage = { slots: 0, gpu: 0, memoryMb: 0, diskMb: 0, vramsMb: [] };

/** The usage of one job with these requirements, and these GPUs where that is known. */
export function usageOf(requirements: Requirements, { vramsMb, devices }: Held = {}): Usage {
  const gpus = devices ?? wishTexts(requirements);
  return {
    slots: requirements.slots ?? 1,
    gpu: requirements.gpu ?? 0,
    memoryMb: requirements.memoryMb ?? 0,
    diskMb: requirements.diskMb ?? 0,
    vramsMb: vramsMb ?? wishes(requirements),
    ...(gpus.length === 0 ? {} : { gpus }),
  };
}

function wishes({ gpu = 0, vramMb = 0 }: Requirements): readonly number[] {
  return gpu === 0 ? idle.vramsMb : Array.from({ length: gpu }, () => vramMb);
}

/** Adds (or with -1 takes away) what one job with these requirements, and these GPUs, takes up. */
export function take(usage: Usage, requirements: Requirements, sign: 1 | -1 = 1, held?: Held): void {
  const more = usageOf(requirements, held);
  usage.slots += sign * more.slots;
  usage.gpu += sign * more.gpu;
  usage.memoryMb += sign * more.memoryMb;
  usage.diskMb += sign * more.diskMb;
  if (more.vramsMb.length > 0)
    usage.vramsMb = sign === 1 ? [...usage.vramsMb, ...more.vramsMb] : fewer(usage.vramsMb, more.vramsMb);
  if (more.gpus === undefined) return;
  const { gpus = none } = usage;
  const now = sign === 1 ? [...gpus, ...more.gpus] : fewer(gpus, more.gpus);
  if (now.length === 0) delete usage.gpus;
  else usage.gpus = now;
}

/** A bag without some of what is in it. */
function fewer<Item>(all: readonly Item[], gone: readonly Item[]): readonly Item[] {
  const left = [...all];
  for (const one of gone) {
    const at = left.indexOf(one);
    if (at !== -1) left.splice(at, 1);
  }
  return left;
}

/** What two usages take up together. */
export function together(usage: Usage, more: Usage): Usage {
  return {
    slots: usage.slots + more.slots,
    gpu: usage.gpu + more.gpu,
    memoryMb: usage.memoryMb + more.memoryMb,
    diskMb: usage.diskMb + more.diskMb,
    vramsMb: [...usage.vramsMb, ...more.vramsMb],
    ...gpusOf([...(usage.gpus ?? none), ...(more.gpus ?? none)]),
  };
}

/** What is left of a usage when a part of it has gone. */
export function without(usage: Usage, less: Usage): Usage {
  return {
    slots: usage.slots - less.slots,
    gpu: usage.gpu - less.gpu,
    memoryMb: usage.memoryMb - less.memoryMb,
    diskMb: usage.diskMb - less.diskMb,
    vramsMb: fewer(usage.vramsMb, less.vramsMb),
    ...gpusOf(fewer(usage.gpus ?? none, less.gpus ?? none)),
  };
}

function gpusOf(gpus: readonly string[]): Pick<Usage, 'gpus'> {
  return gpus.length === 0 ? {} : { gpus };
}

/** What a worker has beside what takes up `usage`. */
export function rest(capacity: Capacity, { slots, gpu, memoryMb, diskMb, vramsMb, gpus = none }: Usage): Capacity {
  return {
    ...capacity,
    slots: Math.max(0, capacity.slots - slots),
    gpu: Math.max(0, capacity.gpu - gpu),
    memoryMb: Math.max(0, capacity.memoryMb - memoryMb),
    ...(capacity.diskMb === undefined ? {} : { diskMb: Math.max(0, capacity.diskMb - diskMb) }),
    ...(capacity.vramsMb === undefined ? {} : { vramsMb: fewer(capacity.vramsMb, vramsMb) }),
    ...(capacity.gpus === undefined ? {} : { gpus: capacity.gpus.filter(({ name }) => !gpus.includes(name)) }),
  };
}

/** The first thing that `capacity` lacks altogether for such a job, in words, or `undefined` where it could run. */
export function unmet(type: string, needs: Requirements, capacity: Capacity): string | undefined {
  if (!capacity.types.includes(type)) return `type ${type}`;
  return lacksDevice(needs, capacity) ?? lacksRoom(needs, capacity) ?? lacksKind(type, needs, capacity);
}

function lacksDevice(needs: Requirements, capacity: Capacity): string | undefined {
  const { gpu = 0, vramMb = 0, vendor, encoder } = needs;
  if (gpu > capacity.gpu) return gpusText(gpu);
  if (vramMb > largestVram(capacity)) return `${vramMb} MiB of GPU memory`;
  if (vendor !== undefined && !isBy(vendor, capacity)) return `a GPU by ${vendor}`;
  if (encoder !== undefined && !hasEncoder(encoder, capacity)) return `encoder ${encoder}`;
  if (gpu <= gpusFor(needs, capacity)) return undefined;
  const memory = vramMb === 0 ? '' : ` of ${vramMb} MiB${gpu === 1 ? '' : ' each'}`;
  const kind =
    capacity.gpus === undefined ? '' : `${vendor ? ` by ${vendor}` : ''}${encoder ? ` with ${encoder}` : ''}`;
  return `${gpusText(gpu)}${memory}${kind}`;
}

function isBy(vendor: string, capacity: Capacity): boolean {
  return capacity.gpus?.some((gpu) => gpu.vendor === vendor) ?? capacity.vendor === vendor;
}

function hasEncoder(encoder: string, { encoders, gpus = [] }: Capacity): boolean {
  return encoders.includes(encoder) || gpus.some((gpu) => gpu.encoders?.includes(encoder));
}

function gpusText(gpu: number): string {
  return gpu === 1 ? '1 GPU' : `${gpu} GPUs`;
}

function lacksRoom(needs: Requirements, capacity: Capacity): string | undefined {
  if ((needs.slots ?? 1) > capacity.slots) return `${needs.slots} slots`;
  if ((needs.memoryMb ?? 0) > capacity.memoryMb) return `${needs.memoryMb} MiB of memory`;
  if ((needs.diskMb ?? 0) > (capacity.diskMb ?? 0)) return `${needs.diskMb} MiB of disk`;
  return undefined;
}

function lacksKind(type: string, needs: Requirements, capacity: Capacity): string | undefined {
  if (needs.version !== undefined && !meets(needs.version, capacity.versions?.[type], byVersion))
    return `a handler of ${type} of version ${inWords('', needs.version)}`;
  for (const [label, condition] of Object.entries(needs.labels ?? {}))
    if (!meets(condition, capacity.labels[label])) return `label ${inWords(label, condition)}`;
  return undefined;
}

/** How many GPUs of a worker are such as a job asks for; what is the same for all of them is not looked at. */
export function gpusFor(needs: Requirements, capacity: Capacity): number {
  const { vramMb = 0 } = needs;
  if (capacity.gpus !== undefined) return capacity.gpus.filter((gpu) => serves(gpu, needs, capacity.encoders)).length;
  if (capacity.vramsMb !== undefined) return capacity.vramsMb.filter((has) => has >= vramMb).length;
  return vramMb <= capacity.vramMb ? capacity.gpu : 0;
}

function largestVram({ vramMb, vramsMb = [] }: Capacity): number {
  return Math.max(vramMb, ...vramsMb);
}

function hasGpus(needs: Requirements, capacity: Capacity, usage: Usage): boolean {
  const { gpu = 0, vramMb = 0 } = needs;
  if (gpu === 0) return true;
  if (usage.gpu + gpu > capacity.gpu) return false;
  if (capacity.gpus !== undefined)
    return isSharedOut(capacity.gpus, [...(usage.gpus ?? none), ...wishTexts(needs)], capacity.encoders);
  return capacity.vramsMb === undefined || covers(capacity.vramsMb, [...usage.vramsMb, ...wishes({ gpu, vramMb })]);
}

/** Whether such a job fits into what is left of `capacity` beside `usage`. Assumes that nothing is `unmet`. */
export function hasRoom(needs: Requirements, capacity: Capacity, usage: Usage, lookAhead: number): boolean {
  const more = usageOf(needs);
  return (
    usage.slots + more.slots <= capacity.slots + lookAhead &&
    hasGpus(needs, capacity, usage) &&
    (more.memoryMb === 0 || usage.memoryMb + more.memoryMb <= capacity.memoryMb) &&
    (more.diskMb === 0 || usage.diskMb + more.diskMb <= (capacity.diskMb ?? 0))
  );
}

/** One text for each distinct set of requirements, whatever the order in which its fields were written. */
export function requirementKey(type: string, needs: Requirements): string {
  return JSON.stringify([
    type,
    needs.gpu ?? 0,
    needs.vramMb ?? 0,
    needs.vendor ?? null,
    needs.encoder ?? null,
    needs.slots ?? 1,
    needs.memoryMb ?? 0,
    needs.diskMb ?? 0,
    needs.version ?? null,
    Object.entries(needs.labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
}
