/**
 * How a stream differs from what it must be, and how that is said.
 *
 * Knows how the broker writes settings down, which of them a stream has for life, and what an operator can do about
 * each refusal; leaves the doing to `topology.ts`.
 */

import type { StreamConfig } from '@nats-io/jetstream';
import { Fault, messageOf } from '../runtime/faults.ts';
import { apiErrorOf, apiErrors, faultOf } from './errors.ts';

/** Settings that a stream has for life. */
export const fixed: ReadonlySet<string> = new Set(['storage', 'retention', 'max_consumers', 'persist_mode']);

/** The settings of `wanted` that `met` has otherwise. */
export function differences(wanted: Partial<StreamConfig>, met: StreamConfig): readonly string[] {
  const meets = new Map<string, unknown>(Object.entries(met));
  return Object.entries(wanted)
    .filter(([field, value]) => !isSame(value, meets.get(field)))
    .map(([field]) => field);
}

/** A setting that is off is left out by the broker; the order of fields and of subjects says nothing. */
function isSame(wanted: unknown, met: unknown): boolean {
  return canonical(wanted) === canonical(met ?? emptyLike(wanted));
}

function emptyLike(value: unknown): unknown {
  if (typeof value === 'boolean') return false;
  return typeof value === 'number' ? 0 : undefined;
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return JSON.stringify(value.map(canonical).sort());
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  return JSON.stringify(
    Object.entries(value)
      .map(([field, each]) => [field, canonical(each)])
      .sort(),
  );
}

/** One setting that is not what it must be. */
export interface Mismatch {
  stream: string;
  field: string;
  wanted: Partial<StreamConfig>;
  met: StreamConfig;
  advice: string;
}

/** The fault that names stream and setting, what was expected and what was met. */
export function mismatch({ stream, field, wanted, met, advice }: Mismatch): Fault {
  const expected: unknown = new Map<string, unknown>(Object.entries(wanted)).get(field);
  const got: unknown = new Map<string, unknown>(Object.entries(met)).get(field);
  return new Fault(
    'topology.mismatch',
    `Expected \`${field}\` of stream ${stream} to be ${JSON.stringify(expected)}, got ${JSON.stringify(got)}. ${advice}, or choose another prefix.`,
    { facts: { stream, field, expected, got } },
  );
}

const needsOperator: ReadonlySet<number> = new Set([
  apiErrors.configInvalid,
  apiErrors.subjectsOverlap,
  apiErrors.replicasNotSupported,
  apiErrors.storageFull,
  apiErrors.memoryFull,
]);

/** What the broker would not do, as a fault: most of it only an operator can settle. */
export function refusal(stream: string, error: unknown): Fault {
  const code = apiErrorOf(error) ?? 0;
  if (!needsOperator.has(code)) return faultOf(error);
  return new Fault(
    'topology.mismatch',
    `Expected to set up stream ${stream}, and the broker answered \`${messageOf(error)}\` (${code}). ${adviceFor(code)}`,
    { cause: error, facts: { stream, brokerCode: code } },
  );
}

function adviceFor(code: number): string {
  switch (code) {
    case apiErrors.subjectsOverlap:
      return 'Remove the stream that takes the same subjects (`nats stream ls -a --subjects`), or choose another prefix.';
    case apiErrors.replicasNotSupported:
      return 'Run as many brokers in a cluster as there should be replicas, or ask for fewer with `--durability fast`.';
    case apiErrors.storageFull:
    case apiErrors.memoryFull:
      return 'Give JetStream more room with `max_file_store` and `max_memory_store`.';
    default:
      return 'Change the stream by hand with `nats stream edit`, or choose another prefix.';
  }
}
