/**
 * Jobs: submit one or many, read, list, ask why, logs and results.
 *
 * What a submission may say is read by the table that reads headers, so a name means the same at every door.
 */

import { z } from '@hono/zod-openapi';
import { resultRedacted } from '../../cluster/redacted.ts';
import { readSaid } from '../../cluster/said.ts';
import { Fault, type JobHandle, type JobRecord, type LogLine, type Yard } from '../../sdk/index.ts';
import { jobSorts } from '../job-words.ts';
import { etagOfJob, isAsItWas } from './etag.ts';
import { nothing, type Operation, operation } from './operation.ts';
import { waitOf } from './prefer.ts';
import { filter, job, jobId, ranges, submitted, why } from './schema.ts';
import { viewAge } from './shape.ts';
import { submission } from './submission.ts';

const pageAtMost = 1_000;
const manyAtMost = 1_000;
const tailAtMost = 10_000;
const tag = 'jobs';
const where = { Location: 'Where the job is read.' };
const tagged = { ETag: 'Of the job as it is.' };

export function jobOperations(yard: Yard): readonly Operation[] {
  return [...submitting(yard), ...listing(yard), ...reading(yard), logs(yard)];
}

function submitting(yard: Yard): readonly Operation[] {
  return [
    operation({
      method: 'post',
      path: '/v1/jobs',
      id: 'submitJob',
      needs: 'submit',
      forTenants: true,
      tag,
      summary: 'Submits a job.',
      description:
        'Durable once it is answered. With an id or an idempotency key, a repeat with the same content finds the job that is there (200).',
      headers: {
        'Idempotency-Key': 'As `idempotencyKey`.',
        traceparent: 'As `traceparent`; `tracestate` too.',
        Prefer: '`wait=10`: answers with the job once it is settled, where it is within so many seconds.',
      },
      params: nothing,
      query: nothing,
      body: submission,
      replies: {
        200: {
          description: 'It was there already, or it is settled.',
          schema: z.union([submitted, job]),
          headers: where,
        },
        201: { description: 'It was created.', schema: submitted, headers: where },
      },
      faults: ['job.conflict', 'quota.full', 'store.full'],
      async run({ body, header }) {
        const key = header('idempotency-key');
        const handle = await submitOne(yard, { ...said({ idempotencyKey: key }), ...traceOf(header), ...body });
        const headers = { location: `/v1/jobs/${handle.id}` };
        const waitMs = waitOf(header('prefer'));
        const settled = waitMs === undefined ? undefined : await settledWithin(handle, waitMs);
        if (settled !== undefined) return { body: settled, headers };
        return { status: handle.created ? 201 : 200, body: ofHandle(handle), headers };
      },
    }),
    operation({
      method: 'post',
      path: '/v1/jobs/batch',
      id: 'submitJobs',
      needs: 'submit',
      forTenants: true,
      tag,
      summary: 'Submits many jobs.',
      headers: { traceparent: 'For each that does not say its own.' },
      description: `All are checked before the first is written: one that is wrong keeps all back. At most ${manyAtMost}.`,
      params: nothing,
      query: nothing,
      body: z.strictObject({ jobs: z.array(submission).min(1).max(manyAtMost) }),
      replies: {
        200: { description: 'What became of each, in order.', schema: z.object({ jobs: z.array(submitted) }) },
      },
      faults: ['job.conflict', 'quota.full', 'store.full'],
      async run({ body: { jobs }, header }) {
        const trace = traceOf(header);
        const handles = await submitAll(
          yard,
          jobs.map((given) => ({ ...trace, ...given })),
        );
        return { body: { jobs: handles.map(ofHandle) } };
      },
    }),
  ];
}

/** What headers say where the body does not: what whoever submits was at. */
function traceOf(header: (name: string) => string | undefined) {
  return said({ traceparent: header('traceparent'), tracestate: header('tracestate') });
}

function said(given: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

async function submitOne(yard: Yard, given: z.output<typeof submission>): Promise<JobHandle> {
  const [handle] = await yard.submitMany([read(given)]);
  if (handle === undefined) throw new RangeError('Expected one job of one submission, got none.');
  return handle;
}

/** @throws {Fault} `input.invalid` with a path to each field that is wrong, in each of the jobs. */
async function submitAll(yard: Yard, jobs: readonly z.output<typeof submission>[]): Promise<readonly JobHandle[]> {
  try {
    return await yard.submitMany(jobs.map(read));
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.code !== 'input.invalid') throw cause;
    throw new Fault(cause.code, cause.message, { cause, facts: { fields: fieldsOf(cause) } });
  }
}

const wrongItems = z.array(
  z.object({ index: z.number(), fields: z.array(z.object({ path: z.string(), message: z.string() })) }),
);

function fieldsOf({ facts }: Fault): readonly { path: string; message: string }[] {
  const items = wrongItems.safeParse(facts['items'] ?? [{ index: 0, fields: facts['fields'] ?? [] }]).data ?? [];
  return items.flatMap(({ index, fields }) =>
    fields.map(({ path, message }) => ({ path: `/jobs/${index}${path}`, message })),
  );
}

function read({ type, payload, ...said }: z.output<typeof submission>) {
  return { type: String(type), payload, options: readSaid(said) };
}

function ofHandle({ id, created, durability }: JobHandle) {
  return { id, created, durability };
}

/** The record of a job that has settled by then. */
export async function settledWithin(handle: JobHandle, timeoutMs: number): Promise<JobRecord | undefined> {
  try {
    return await handle.settled({ timeoutMs });
  } catch (cause) {
    if (cause instanceof Fault && cause.code === 'wait.timedOut') return undefined;
    throw cause;
  }
}

const listed = z
  .strictObject({
    ...filter.shape,
    ...ranges.shape,
    worker: z.string().optional().openapi({ description: 'Name or incarnation.' }),
    q: z.string().optional().openapi({
      description: 'Words that all stand in id, name, type, tags, error or payload; `intro*` is the beginning of one.',
    }),
    sort: z.enum(jobSorts).default('-created'),
    cursor: z.string().optional().openapi({ description: 'The `next` of the page before.' }),
    limit: z.coerce.number().int().min(1).max(pageAtMost).default(100),
  })
  .refine(({ q, sort }) => q === undefined || sort.endsWith('created'), {
    path: ['sort'],
    message: 'Expected created or -created where words are searched for. Leave `q` or `sort` out.',
  });

const jobPage = z.object({
  jobs: z.array(job),
  next: z.string().optional().openapi({ description: 'The `cursor` of the next page; absent where this is the last.' }),
  view: viewAge
    .optional()
    .openapi({ description: 'How old the view is that found them; absent where all jobs were looked at.' }),
});

function listing(yard: Yard): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/v1/jobs',
      id: 'listJobs',
      needs: 'read',
      forTenants: true,
      tag,
      summary: 'Lists jobs that pass a filter, page by page, the newest first unless `sort` says otherwise.',
      description:
        'What is shown is read from the records; which jobs are shown comes from a view that may lag, as `view` says. A page may have fewer jobs than asked for, and more behind `next`.',
      params: nothing,
      query: listed,
      body: nothing,
      replies: { 200: { description: 'The jobs.', schema: jobPage } },
      run: async ({ query: { q: search, ...list } }) => ({ body: await yard.jobPage({ ...list, search }) }),
    }),
  ];
}

function reading(yard: Yard): readonly Operation[] {
  const common = { method: 'get', tag, params: jobId, query: nothing, body: nothing } as const;
  return [
    operation({
      ...common,
      path: '/v1/jobs/{id}',
      id: 'getJob',
      needs: 'read',
      forTenants: true,
      summary: 'Reads a job.',
      headers: { 'If-None-Match': 'The `ETag` of a former answer: 304 where it is as it was.' },
      replies: {
        200: { description: 'The job.', schema: job, headers: tagged },
        304: { description: 'As it was.', headers: tagged },
      },
      faults: ['job.missing'],
      async run({ params: { id }, header }) {
        const record = await found(yard, id);
        const etag = etagOfJob(record);
        if (isAsItWas(header('if-none-match'), etag)) return { status: 304, headers: { etag } };
        return { body: record, headers: { etag } };
      },
    }),
    result(yard),
    operation({
      ...common,
      path: '/v1/jobs/{id}/secrets',
      id: 'revealJob',
      needs: 'admin',
      tellsSecrets: true,
      summary:
        'Reads a job with what is secret in its payload, which all other answers hide. That somebody did is in the audit log.',
      replies: { 200: { description: 'The job.', schema: job } },
      faults: ['job.missing'],
      run: async ({ params: { id } }) => ({ body: await yard.reveal(id) }),
    }),
    operation({
      ...common,
      path: '/v1/jobs/{id}/why',
      id: 'whyJob',
      needs: 'read',
      forTenants: true,
      summary: 'Why a job does not run now, and what would let it go.',
      replies: { 200: { description: 'The reason.', schema: why } },
      faults: ['job.missing'],
      async run({ params: { id } }) {
        const { state } = await found(yard, id, { whole: false });
        return { body: (await yard.why(id)) ?? { code: 'not waiting', sentence: `It is ${state}.` } };
      },
    }),
  ];
}

function result(yard: Yard): Operation {
  return operation({
    method: 'get',
    tag,
    params: jobId,
    query: nothing,
    body: nothing,
    path: '/v1/jobs/{id}/result',
    id: 'getResult',
    needs: 'read',
    forTenants: true,
    summary: 'What the handler of a job returned.',
    description: '409 where it has not completed.',
    headers: { Prefer: '`wait=10`: waits for its end, for so many seconds.' },
    replies: { 200: { description: 'The result.', schema: z.unknown() } },
    faults: ['job.missing', 'job.refused', 'blob.missing', 'wait.timedOut'],
    async run({ params: { id }, header }) {
      const timeoutMs = waitOf(header('prefer'));
      const record = timeoutMs === undefined ? await found(yard, id) : await yard.settled(id, { timeoutMs });
      const { state, payload, context, aside } = record;
      if (state === 'completed') {
        // What is gone is told, and is not nothing.
        const result = aside?.result === undefined ? context.result : await yard.result(id);
        return { body: resultRedacted(result, payload) };
      }
      throw new Fault(
        'job.refused',
        `Expected a job that has completed, got ${id}, which is ${state}. Wait for it with \`Prefer: wait=10\`.`,
      );
    },
  });
}

function logs(yard: Yard): Operation {
  return operation({
    method: 'get',
    path: '/v1/jobs/{id}/logs',
    id: 'getLogs',
    needs: 'read',
    forTenants: true,
    tag,
    summary: 'What the handler of a job logged: a line of JSON each, or plain text.',
    headers: { Accept: '`text/plain` for the lines alone.' },
    params: jobId,
    query: logged,
    body: nothing,
    replies: { 200: { description: 'The lines.', types: ['application/x-ndjson', 'text/plain'] } },
    faults: ['job.missing'],
    async run({ params: { id }, query: { follow, download, ...which }, header, signal }) {
      await found(yard, id, { whole: false });
      const isText = download === 'true' || header('accept')?.includes('text/plain') === true;
      const lines = yard.logs(id, { ...which, follow: follow === 'true', signal });
      const bytes = ReadableStream.from(linesOf(lines, { isText, signal }));
      const type = isText ? 'text/plain; charset=utf-8' : 'application/x-ndjson';
      const headers = { 'content-disposition': `attachment; filename="${id}.log"` };
      return { stream: { type, bytes }, ...(download === 'true' ? { headers } : {}) };
    },
  });
}

const logged = z.strictObject({
  follow: z.enum(['true', 'false']).default('false').openapi({ description: 'Goes on until the job is settled.' }),
  search: z.string().optional().openapi({ description: 'Only lines that contain this, upper and lower case alike.' }),
  tail: z.coerce
    .number()
    .int()
    .min(0)
    .max(tailAtMost)
    .optional()
    .openapi({ description: 'Of the lines so far, only so many, the last ones.' }),
  attempt: z.coerce.number().int().min(1).optional().openapi({ description: 'Only lines of this attempt.' }),
  stream: z.enum(['stdout', 'stderr']).optional(),
  download: z.enum(['true', 'false']).default('false').openapi({ description: 'As a file of plain text.' }),
});

/** Ends where whoever asked has gone, or may not read on. */
async function* linesOf(
  lines: AsyncIterable<LogLine>,
  { isText, signal }: { isText: boolean; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  try {
    for await (const line of lines) yield encoder.encode(`${isText ? line.line : JSON.stringify(line)}\n`);
  } catch (cause) {
    if (!signal.aborted) throw cause;
  }
}

/** @throws {Fault} `job.missing` */
export async function found(yard: Yard, id: string, options: { whole?: boolean } = {}): Promise<JobRecord> {
  const record = await yard.job(id, options);
  if (record !== undefined) return record;
  throw new Fault('job.missing', `Expected a job with id ${id}, found none. See /v1/jobs.`, { facts: { id } });
}
