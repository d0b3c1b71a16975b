/**
 * What a job asks of a worker, what a worker has, and whether the one fits into the other.
 *
 * Pure comparison of plain data. `unmet` names the first thing that is missing, so that the same function
 * decides where a job may run and answers "why is it waiting?".
 */

import { byVersion, inWords, meets } from './condition.ts';

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
  vramMb: number;
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
}

/** Nothing taken. */
export const idle: Usage = { slots: 0, gpu: 0, memoryMb: 0, diskMb: 0 };

/** The usage of one job with these requirements. */
export function usageOf(requirements: Requirements): Usage {
  return {
    slots: requirements.slots ?? 1,
    gpu: requirements.gpu ?? 0,
    memoryMb: requirements.memoryMb ?? 0,
    diskMb: requirements.diskMb ?? 0,
  };
}

/** Adds (or with -1 takes away) what one job with these requirements takes up. */
export function take(usage: Usage, requirements: Requirements, sign: 1 | -1 = 1): void {
  const more = usageOf(requirements);
  usage.slots += sign * more.slots;
  usage.gpu += sign * more.gpu;
  usage.memoryMb += sign * more.memoryMb;
  usage.diskMb += sign * more.diskMb;
}

/** What two usages take up together. */
export function together(usage: Usage, more: Usage): Usage {
  return {
    slots: usage.slots + more.slots,
    gpu: usage.gpu + more.gpu,
    memoryMb: usage.memoryMb + more.memoryMb,
    diskMb: usage.diskMb + more.diskMb,
  };
}

/** What is left of a usage when a part of it has gone. */
export function without(usage: Usage, less: Usage): Usage {
  return {
    slots: usage.slots - less.slots,
    gpu: usage.gpu - less.gpu,
    memoryMb: usage.memoryMb - less.memoryMb,
    diskMb: usage.diskMb - less.diskMb,
  };
}

/** What a worker has beside what takes up `usage`. */
export function rest(capacity: Capacity, { slots, gpu, memoryMb, diskMb }: Usage): Capacity {
  return {
    ...capacity,
    slots: Math.max(0, capacity.slots - slots),
    gpu: Math.max(0, capacity.gpu - gpu),
    memoryMb: Math.max(0, capacity.memoryMb - memoryMb),
    ...(capacity.diskMb === undefined ? {} : { diskMb: Math.max(0, capacity.diskMb - diskMb) }),
  };
}

/** The first thing that `capacity` lacks altogether for such a job, in words, or `undefined` where it could run. */
export function unmet(type: string, needs: Requirements, capacity: Capacity): string | undefined {
  if (!capacity.types.includes(type)) return `type ${type}`;
  return lacksDevice(needs, capacity) ?? lacksRoom(needs, capacity) ?? lacksKind(type, needs, capacity);
}

function lacksDevice(needs: Requirements, capacity: Capacity): string | undefined {
  if ((needs.gpu ?? 0) > capacity.gpu) return `${needs.gpu} GPU`;
  if ((needs.vramMb ?? 0) > capacity.vramMb) return `${needs.vramMb} MiB of GPU memory`;
  if (needs.vendor !== undefined && needs.vendor !== capacity.vendor) return `a GPU by ${needs.vendor}`;
  if (needs.encoder !== undefined && !capacity.encoders.includes(needs.encoder)) return `encoder ${needs.encoder}`;
  return undefined;
}

function lacksRoom(needs: Requirements, capacity: Capacity): string | undefined {
  if ((needs.slots ?? 1) > capacity.slots) return `${needs.slots} slots`;
  if ((needs.memoryMb ?? 0) > capacity.memoryMb) return `${needs.memoryMb} MiB of memory`;
  if ((needs.diskMb ?? 0) > (capacity.diskMb ?? 0)) return `${needs.diskMb} MiB of disk`;
  return undefined;
}

function lacksKind(type: string, needs: Requirements, capacity: Capacity): string | undefined {
  if (needs.version !== undefined && !meets(needs.version, capacity.versions?.[type], byVersion))
    return `a handler of ${type} of version ${needs.version}`;
  for (const [label, condition] of Object.entries(needs.labels ?? {}))
    if (!meets(condition, capacity.labels[label])) return `label ${inWords(label, condition)}`;
  return undefined;
}

/** Whether such a job fits into what is left of `capacity` beside `usage`. Assumes that nothing is `unmet`. */
export function hasRoom(needs: Requirements, capacity: Capacity, usage: Usage, lookAhead: number): boolean {
  const more = usageOf(needs);
  return (
    usage.slots + more.slots <= capacity.slots + lookAhead &&
    (more.gpu === 0 || usage.gpu + more.gpu <= capacity.gpu) &&
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
