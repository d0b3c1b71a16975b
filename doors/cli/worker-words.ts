/**
 * How workers are put into words: what state one is in, in its colour, and which GPUs it has.
 */

import type { WorkerStatus, WorkerView } from '../../sdk/index.ts';
import type { Style } from './terminal.ts';

const styles: Readonly<Record<WorkerStatus, Style>> = {
  starting: 'blue',
  available: 'green',
  busy: 'yellow',
  draining: 'magenta',
  offline: 'dim',
  lost: 'red',
};

export function workerStyle(status: WorkerStatus): Style {
  return styles[status];
}

/** Its status, or what keeps it from taking jobs, though it is there. */
export function workerState({ status, isHung, isDeaf }: WorkerView): { word: string; style: Style } {
  if (isHung) return { word: 'hung', style: 'red' };
  if (isDeaf === true) return { word: 'deaf', style: 'red' };
  return { word: status, style: workerStyle(status) };
}

/** `9/12`; where it has claimed ahead of its slots, `12/12 +200`. */
export function slotsText({ used, slots }: Pick<WorkerView, 'used' | 'slots'>): string {
  return used > slots ? `${slots}/${slots} +${used - slots}` : `${used}/${slots}`;
}

/** Slots that are taken, over all of them: `20 of 24 slots taken`, and how many jobs are claimed ahead. */
export function takenText(workers: readonly Pick<WorkerView, 'used' | 'slots'>[]): string {
  const slots = workers.reduce((sum, worker) => sum + worker.slots, 0);
  const taken = workers.reduce((sum, worker) => sum + Math.min(worker.used, worker.slots), 0);
  const ahead = workers.reduce((sum, worker) => sum + Math.max(0, worker.used - worker.slots), 0);
  return `${taken} of ${slots} slots taken${ahead === 0 ? '' : `, ${ahead} claimed ahead`}`;
}

/** What was declared and not measured says so. */
export function gpuText({ gpu, vramMb, vramsMb, gpus = [], declared }: WorkerView): string {
  if (gpu === 0) return '-';
  const memory = vramMb > 0 ? ` ${vramsMb?.join('+') ?? vramMb}M` : '';
  const makers =
    new Set(gpus.map(({ vendor }) => vendor)).size > 1 ? ` ${gpus.map(({ vendor = '?' }) => vendor).join('+')}` : '';
  return `${gpu}${memory}${makers}${declared.includes('gpu') ? ' (declared)' : ''}`;
}
