/**
 * Puts aside what is too large for a record, and fetches it again.
 *
 * The blob goes first, under a name that was never used, and the record that names it after it. So a record is never
 * without its blob, but for one case: who put it was away so long between the two that the leader swept the blob away as
 * left over (`aside-sweeper.ts`). Therefore who put it looks once more when the record is stored, and puts it again
 * where it is gone.
 */

import type { Aside } from '../machines/job.ts';
import { asideName, asidesOf, inlineAtMost } from '../runtime/aside.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault, isFault } from '../runtime/faults.ts';
import type { Blobs } from '../runtime/ports.ts';
import { type JobRecord, jobKey } from '../runtime/record.ts';
import type { Flaw } from './invariants.ts';

/** Something that was put aside and is in the hands of who did it, until its record is stored. */
export class PutAside {
  readonly aside: Aside;
  readonly #blobs: Blobs;
  readonly #bytes: Uint8Array;

  private constructor(aside: Aside, { blobs, bytes }: { blobs: Blobs; bytes: Uint8Array }) {
    this.aside = aside;
    this.#blobs = blobs;
    this.#bytes = bytes;
  }

  /** Puts JSON of the job under `key` aside. @throws {Fault} `store.full`, `broker.unavailable` */
  static async put(key: string, json: string, { blobs, clock }: { blobs: Blobs; clock: Clock }): Promise<PutAside> {
    const bytes = new TextEncoder().encode(json);
    const blob = asideName(key, clock.unique());
    const digest = await blobs.put(blob, bytes);
    return new PutAside({ blob, bytes: bytes.length, digest }, { blobs, bytes });
  }

  /** The record that names it is stored: what was swept away meanwhile is put there again, if the broker answers. */
  async keep(): Promise<void> {
    const { blob } = this.aside;
    try {
      if ((await this.#blobs.find(blob)) === undefined) await this.#blobs.put(blob, this.#bytes);
    } catch {
      // The record is stored, and who stored it must hear so.
    }
  }

  /** No record names it. Where the broker is away, it is swept away later. */
  async drop(): Promise<void> {
    await this.#blobs.remove(this.aside.blob).catch(() => undefined);
  }
}

/** The payload as JSON, where it is too large for the record; most are so short that their bytes need not be counted. */
export function largePayload({ payload }: Pick<JobRecord, 'payload'>): string | undefined {
  const json = JSON.stringify(payload) ?? '';
  return json.length * 3 <= inlineAtMost || Buffer.byteLength(json) <= inlineAtMost ? undefined : json;
}

/** The payload of a job, wherever it is. @throws {Fault} `blob.missing`; `broker.unavailable` */
export async function payloadOf(record: JobRecord, blobs: Pick<Blobs, 'get'>): Promise<unknown> {
  const aside = record.aside?.payload;
  return aside === undefined ? record.payload : await fetched(record, 'payload', aside, blobs);
}

/** The result of a job that has completed, wherever it is. @throws {Fault} `blob.missing`; `broker.unavailable` */
export async function resultIn(record: JobRecord, blobs: Pick<Blobs, 'get'>): Promise<unknown> {
  const aside = record.aside?.result;
  return aside === undefined ? record.context.result : await fetched(record, 'result', aside, blobs);
}

/** The record with all in its place that is put aside, as far as it is there. @throws {Fault} `broker.unavailable` */
export async function whole(record: JobRecord, blobs: Pick<Blobs, 'get'>): Promise<JobRecord> {
  if (asidesOf(record).length === 0) return record;
  const payload = await payloadOf(record, blobs).catch(nullWhereMissing);
  const result = await resultIn(record, blobs).catch(nullWhereMissing);
  return { ...record, payload, context: { ...record.context, ...(result === undefined ? {} : { result }) } };
}

function nullWhereMissing(cause: unknown): null {
  if (isFault(cause, 'blob.missing')) return null;
  throw cause;
}

async function fetched(
  record: JobRecord,
  what: 'payload' | 'result',
  { blob, bytes, digest }: Aside,
  blobs: Pick<Blobs, 'get'>,
): Promise<unknown> {
  const found = await blobs.get(blob);
  if (found?.digest === digest && found.bytes.length === bytes)
    return JSON.parse(new TextDecoder().decode(found.bytes));
  const met = found === undefined ? 'found nothing whole there' : 'found something else there';
  throw new Fault(
    'blob.missing',
    `Expected the ${what} of ${jobKey(record)}, ${bytes} bytes that were put aside as \`${blob}\`, ${met}. Restore it from a backup, or submit the job again.`,
    { facts: { id: record.id, blob } },
  );
}

/** What the record says lies aside, and does not. */
export async function asideFlaws(record: JobRecord, blobs: Pick<Blobs, 'find'>): Promise<readonly Flaw[]> {
  const flaws: Flaw[] = [];
  for (const { what, blob, bytes, digest } of asidesOf(record)) {
    const found = await blobs.find(blob);
    if (found?.digest === digest && found.size === bytes) continue;
    const met = found === undefined ? 'nothing' : `another one of ${found.size} bytes`;
    flaws.push({ rule: 'what lies aside is not there', expected: `a ${what} of ${bytes} bytes as ${blob}`, met });
  }
  return flaws;
}
