/**
 * The jobs that a schedule makes: what they are called, where they come from, and how they are born.
 *
 * Id and source follow from the schedule and the moment alone. So of one moment there is one job, whoever fires it and
 * however often: a second one would be created under a key that is there.
 */

import { Fault } from '../runtime/faults.ts';
import type { JobRecord } from '../runtime/record.ts';
import type { ScheduledJob, ScheduleSpec } from '../runtime/schedule.ts';
import { admit, type KnownType } from './admission.ts';
import { readOptions } from './request.ts';

const namePattern = /^[A-Za-z][A-Za-z0-9_-]{0,39}$/;
/** What is said of one job and cannot be said of each of many. */
export const notForMany: ReadonlySet<string> = new Set([
  'id',
  'idempotencyKey',
  'runAt',
  'expiresAt',
  'after',
  'afterNeed',
  'afterWhen',
  'ref',
  'traceparent',
  'tracestate',
]);

/** @throws {Fault} `input.invalid` */
export function expectScheduleName(name: string): string {
  if (namePattern.test(name)) return name;
  throw new Fault(
    'input.invalid',
    `Expected the name of a schedule to be a letter and up to 39 letters, digits, \`_\` and \`-\`, got \`${name}\`. Choose another name.`,
  );
}

/** `nightly-20270328T010000Z`; of a moment between two seconds, its milliseconds stand behind. */
export function idOfFiring(name: string, at: number): string {
  const [second = '', rest = ''] = new Date(at).toISOString().replaceAll(/[-:]/g, '').slice(0, -1).split('.');
  return `${name}-${second}Z${rest === '000' ? '' : `-${rest}`}`;
}

/** Where a job of a schedule comes from, such as `schedule:nightly@2027-03-28T01:00:00.000Z`. */
export function sourceOfFiring(name: string, at: number): string {
  return `schedule:${name}@${new Date(at).toISOString()}`;
}

/**
 * The job that a schedule makes, as new as if it had been submitted now.
 *
 * @throws {Fault} `input.invalid`, as for a submission of the same.
 */
export async function jobOfSchedule(
  { tenant, name, job }: Pick<ScheduleSpec, 'tenant' | 'name' | 'job'>,
  { id, source, at }: { id: string; source: string; at: number },
  types: ReadonlyMap<string, KnownType>,
): Promise<JobRecord> {
  const options = { name, ...readOptions(job.options) };
  const request = { tenant, type: job.type, payload: job.payload, options, source, fallbackId: id, at };
  return await admit(request, types);
}

/** @throws {Fault} `input.invalid` where the job is told something that only one job can be told. */
export function expectForMany({ options }: ScheduledJob): void {
  const told = [...notForMany].find((name) => options[name] !== undefined);
  if (told === undefined) return;
  throw new Fault(
    'input.invalid',
    `Expected what each job of a schedule can be told, got \`${told}\`, which is of one job alone. Leave it out; \`expiresIn\` and \`delay\` count from each firing.`,
  );
}
