/**
 * What was said of a job when it was submitted, to be said again: of all jobs alike, so not its id, its moments, nor whom it waited for.
 */

import type { JobRecord } from '../../../../sdk/index.ts';

/** By the names of the API; only what is there. */
export function saidOf(job: JobRecord): Readonly<Record<string, string>> {
  const { name, queue, priority, tags, limitKeys, timeoutMs, requirements: needs, context } = job;
  const labels = Object.entries(needs.labels ?? {}).map(([label, value]) => `${label}${conditionOf(value)}`);
  const said: Readonly<Record<string, string | number | undefined>> = {
    ...{ name, queue, priority, tags: joined(tags), limitKeys: joined(limitKeys), maxAttempts: context.maxAttempts },
    timeout: timeoutMs === undefined ? 'none' : `${timeoutMs}ms`,
    ...{ gpu: needs.gpu, vram: needs.vramMb, gpuVendor: needs.vendor, encoder: needs.encoder, slots: needs.slots },
    ...{ memory: needs.memoryMb, disk: needs.diskMb, version: needs.version, labels: joined(labels) },
  };
  return Object.fromEntries(
    Object.entries(said).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  );
}

/** Where another one like it is written, with all that was said; `undefined` where that is too long for an address. */
export function formOf({ type, payload }: JobRecord, said: Readonly<Record<string, string>>): string | undefined {
  const query = new URLSearchParams({ type, payload: JSON.stringify(payload ?? {}), options: JSON.stringify(said) });
  return query.toString().length > longest ? undefined : `/console/submit?${query}`;
}

const longest = 6_000;

function joined(words: readonly string[] | undefined): string | undefined {
  return words === undefined || words.length === 0 ? undefined : words.join(',');
}

/** `eu` is `=eu`; the rest says how it compares. */
function conditionOf(value: string): string {
  return /^[<>=!]/.test(value) ? value : `=${value}`;
}
