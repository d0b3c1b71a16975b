/**
 * What became of a job, in the figures that people compare. What a job type does not measure is absent.
 */

import type { JobRecord } from '../../../sdk/index.ts';

export interface Outcome {
  /** Attempts that began; those that were handed back unstarted do not count. */
  attempts: number;
  /** From the submission to the first start. */
  waitMs?: number;
  /** From the first start to the end. */
  tookMs?: number;
  /** Incarnation that held it last. */
  worker?: string;
  quality?: Readonly<Record<string, number>>;
  joules?: number;
  output?: string;
  sizeBytes?: number;
}

export function outcomeOf({ attempts, createdAt, startedAt, settledAt, context }: JobRecord): Outcome {
  const result = fieldsOf(context.result);
  const worker = attempts.at(-1)?.worker;
  const outcome: Outcome = { attempts: attempts.filter(({ outcome: end }) => end !== 'handed back').length };
  if (worker !== undefined) outcome.worker = worker;
  if (startedAt !== undefined) outcome.waitMs = startedAt - createdAt;
  if (startedAt !== undefined && settledAt !== undefined) outcome.tookMs = settledAt - startedAt;
  const { output, sizeBytes } = result;
  const { joules } = fieldsOf(result['energy']);
  if (result['quality'] !== undefined) outcome.quality = numbersIn(fieldsOf(result['quality']));
  if (typeof joules === 'number') outcome.joules = joules;
  if (typeof output === 'string') outcome.output = output;
  if (typeof sizeBytes === 'number') outcome.sizeBytes = sizeBytes;
  return outcome;
}

/** The best figure that could be measured, with its name. */
export function qualityText(quality: Outcome['quality']): string {
  const { vmaf, ssim, psnr } = quality ?? {};
  if (vmaf !== undefined) return `vmaf ${vmaf.toFixed(1)}`;
  if (ssim !== undefined) return `ssim ${ssim.toFixed(3)}`;
  return psnr === undefined ? '-' : `psnr ${psnr.toFixed(1)}`;
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function numbersIn(fields: Record<string, unknown>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}
