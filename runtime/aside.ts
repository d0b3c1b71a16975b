/**
 * What is put aside: a payload or a result that is too large for its record lies in the object store, and the record
 * says where. Knows the bounds, the names and the shape; who puts and fetches is in `actors/aside.ts`.
 */

import type { Aside } from '../machines/job.ts';
import { asideVersion, type JobRecord } from './record.ts';

/** As many bytes of JSON stand in the record itself. */
export const inlineAtMost = 64 * 1_024;
/** As many may be put aside. */
export const asideAtMost = 64 * 1_024 * 1_024;

const names = /^job\/([^/]+)\/[^/]+$/;

/** The name of something of the job under `key`; `token` is one that was never used. */
export function asideName(key: string, token: string): string {
  return `job/${key}/${token}`;
}

/** The key of the job of which a blob of this name is; `undefined` where it is of none. */
export function keyOfAside(name: string): string | undefined {
  return names.exec(name)?.[1];
}

/** The record as it is stored with its payload aside. */
export function withPayloadAside(record: JobRecord, aside: Aside): JobRecord {
  return { ...record, version: asideVersion, payload: null, aside: { ...record.aside, payload: aside } };
}

/** All that is put aside of a job, with what it is. */
export function asidesOf({ aside }: Pick<JobRecord, 'aside'>): readonly (Aside & { what: 'payload' | 'result' })[] {
  const { payload, result } = aside ?? {};
  return [
    ...(payload === undefined ? [] : [{ ...payload, what: 'payload' as const }]),
    ...(result === undefined ? [] : [{ ...result, what: 'result' as const }]),
  ];
}

/** Whether the record says that this blob is its own. */
export function namesBlob(record: Pick<JobRecord, 'aside'>, blob: string): boolean {
  return asidesOf(record).some((aside) => aside.blob === blob);
}

/** Whether this is what a record may say of what lies aside of it. */
export function isAsides(said: unknown): said is Readonly<Record<string, Aside>> {
  return typeof said === 'object' && said !== null && Object.values(said).every(isAside);
}

function isAside(said: unknown): said is Aside {
  if (typeof said !== 'object' || said === null) return false;
  const { blob, digest, bytes } = { blob: undefined, digest: undefined, bytes: undefined, ...said };
  return typeof blob === 'string' && typeof digest === 'string' && Number.isFinite(bytes);
}

/** The names of what lies aside, as a record of whatever version says. */
export function asideNames(json: unknown): readonly string[] {
  const aside = typeof json === 'object' && json !== null && 'aside' in json ? json.aside : undefined;
  return isAsides(aside) ? Object.values(aside).map(({ blob }) => blob) : [];
}
