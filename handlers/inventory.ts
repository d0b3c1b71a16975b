/**
 * What this machine has, measured: GPUs by asking their driver, encoders by trying them, memory and CPUs as the
 * container's limits allow. Nothing is believed because it is listed.
 */

import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Capacity } from '../machines/rules/capability.ts';
import type { Gpu } from '../machines/rules/gpu.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { type Encoder, encoders as known } from './ffmpeg/encoder.ts';
import { Ffmpeg, probeEncoders, type Which } from './ffmpeg/tool.ts';
import { type Gpu as NvidiaGpu, readGpus } from './gpu.ts';

export type Inventory = Pick<Capacity, 'gpu' | 'vramMb' | 'vramsMb' | 'vendor' | 'encoders' | 'memoryMb'> & {
  /** Names of the GPUs, as their driver numbers them. */
  gpus: readonly string[];
  /** The same with what each has, where they do not all have the same encoders. */
  kinds?: readonly Gpu[];
  cpus: number;
};

export interface MeasureOptions {
  clock: Clock;
  /** Shared with `transcode`, so that each encoder is tried once. */
  ffmpeg?: Ffmpeg;
  /** Whether to try the encoders, which takes about a second; a worker that transcodes nothing need not. */
  encoders?: boolean;
  /** The program that tells of NVIDIA GPUs. */
  nvidiaSmi?: string;
  /** The GPUs that this process may use, where its operator says so: `CUDA_VISIBLE_DEVICES`. */
  visible?: string | undefined;
  /** The kernel's folder of graphics devices. */
  drm?: string;
}

/** Takes about a second, most of it for trying the encoders. A machine without ffmpeg has none. */
export async function measure(options: MeasureOptions): Promise<Inventory> {
  const { clock, ffmpeg = new Ffmpeg({ clock }), nvidiaSmi = 'nvidia-smi', drm = '/sys/class/drm' } = options;
  const visible = 'visible' in options ? options.visible : process.env['CUDA_VISIBLE_DEVICES'];
  const [working, nvidia] = await Promise.all([
    options.encoders === false ? [] : usable(ffmpeg),
    readGpus({ clock, command: nvidiaSmi }),
  ]);
  const used = allowed(nvidia, visible);
  const gpus = nvidia.length > 0 ? ofNvidia(used) : await ofOthers(working, drm);
  const able = options.encoders === false ? { encoders: [] } : await byModel(used, working, ffmpeg);
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  return {
    ...gpus,
    ...able,
    memoryMb: Math.floor(memory / 2 ** 20),
    cpus: availableParallelism(),
  };
}

async function usable(ffmpeg: Ffmpeg, which: Which = {}): Promise<readonly Encoder[]> {
  try {
    return await probeEncoders(ffmpeg, which);
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'tool.missing') return [];
    throw thrown;
  }
}

/** Where they differ, the memory of each is told, in the order of their names. */
function ofNvidia(gpus: readonly NvidiaGpu[]) {
  const names = gpus.map(({ index }) => String(index));
  if (gpus.length === 0) return { gpu: 0, gpus: names, vramMb: 0 };
  const vramsMb = gpus.map(({ memoryMb = 0 }) => memoryMb);
  const differ = new Set(vramsMb).size > 1 ? { vramsMb } : {};
  return { gpu: gpus.length, gpus: names, vramMb: Math.min(...vramsMb), ...differ, vendor: 'nvidia' };
}

/** Those that `visible` numbers, in its order; all where it says nothing. The driver's own list is not cut by it. */
function allowed(gpus: readonly NvidiaGpu[], visible: string | undefined): readonly NvidiaGpu[] {
  if (visible === undefined) return gpus;
  return visible.split(',').flatMap((name) => gpus.filter(({ index }) => String(index) === name.trim()));
}

/** Of several models each is tried, since an older one may lack what a newer one encodes. */
async function byModel(
  gpus: readonly NvidiaGpu[],
  working: readonly Encoder[],
  ffmpeg: Ffmpeg,
): Promise<Pick<Inventory, 'encoders' | 'kinds'>> {
  const models = new Map(gpus.map(({ name, index }) => [name, String(index)]));
  const encoders = working.map(({ name }) => name);
  if (models.size < 2) return { encoders };
  const candidates = known.filter(({ hardware }) => hardware === 'nvenc');
  const able = new Map<string, readonly string[]>();
  for (const [model, device] of models)
    able.set(
      model,
      (await usable(ffmpeg, { candidates, devices: [device] })).map(({ name }) => name),
    );
  const everywhere = (name: string) => [...able.values()].every((those) => those.includes(name));
  if (candidates.every(({ name }) => everywhere(name) || ![...able.values()].flat().includes(name)))
    return { encoders };
  return {
    encoders: encoders.filter((name) => everywhere(name) || !candidates.some((encoder) => encoder.name === name)),
    kinds: gpus.map(({ index, name, memoryMb = 0 }) => ({
      ...{ name: String(index), vramMb: memoryMb, vendor: 'nvidia' },
      encoders: able.get(name) ?? [],
    })),
  };
}

/** A GPU without a driver that counts it is there when an encoder on it works. Its memory is not known. */
async function ofOthers(
  working: readonly Encoder[],
  drm: string,
): Promise<Pick<Inventory, 'gpu' | 'gpus' | 'vramMb' | 'vendor'>> {
  if (!working.some((encoder) => encoder.hardware)) return { gpu: 0, gpus: [], vramMb: 0 };
  const vendor = await vendorOf(drm);
  return { gpu: 1, gpus: ['0'], vramMb: 0, ...(vendor === undefined ? {} : { vendor }) };
}

/** By PCI number of the first render device. */
async function vendorOf(drm: string): Promise<string | undefined> {
  const makers: Readonly<Record<string, string>> = { '0x10de': 'nvidia', '0x1002': 'amd', '0x8086': 'intel' };
  const [device] = (await readdir(drm).catch(() => [])).filter((name) => name.startsWith('renderD')).sort();
  if (device === undefined) return undefined;
  return makers[(await readFile(join(drm, device, 'device', 'vendor'), 'utf8').catch(() => '')).trim()];
}
