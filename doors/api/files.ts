/**
 * Files of jobs: bytes for a handler, put before its job runs, and bytes that a handler wrote, in pieces of which never many are in memory.
 */

import { z } from '@hono/zod-openapi';
import type { FileView, OpenFile, Yard } from '../../sdk/index.ts';
import { asItWas, isAsItWas } from './etag.ts';
import { type Answer, type Given, nothing, type Operation, operation } from './operation.ts';
import { jobId, moment } from './schema.ts';

const tag = 'files';
const params = z.object({
  ...jobId.shape,
  name: z.string().openapi({ param: { name: 'name', in: 'path' }, example: 'clip.mp4' }),
});

const file = z
  .object({
    name: z.string(),
    size: z.number().int(),
    type: z.string().openapi({ example: 'video/mp4' }),
    digest: z.string().openapi({ description: 'Of its bytes, by SHA-256.' }),
    at: moment,
  })
  .openapi('File');

const tags = { ETag: 'Of its bytes.' };
const told = { ...tags, 'Content-Disposition': 'It is a file to keep, and no page.' };

export function fileOperations(yard: Yard): readonly Operation[] {
  const common = { forTenants: true, tag, params, query: nothing, body: nothing } as const;
  const reading = {
    ...common,
    method: 'get',
    needs: 'read',
    headers: asItWas,
    replies: {
      200: { description: 'Its bytes.', types: ['*/*'], headers: told },
      304: { description: 'As it was.', headers: tags },
    },
  } as const;
  return [
    operation({
      ...common,
      method: 'put',
      path: '/v1/jobs/{id}/inputs/{name}',
      id: 'putInput',
      needs: 'submit',
      takesBytes: true,
      summary: 'Puts a file for the handler of a job that does not run yet, and need not be there yet.',
      description:
        'At most 1 GiB; over NATS, `body` is base64. It takes the place of one of the same name, and goes with its job. Where no job of this id is submitted within an hour, it goes too.',
      headers: { 'Content-Type': 'Its media type.' },
      replies: { 201: { description: 'It is stored.', schema: file, headers: tags } },
      faults: ['job.refused', 'file.large', 'store.full'],
      run: (given) => put(yard, given),
    }),
    operation({
      ...reading,
      path: '/v1/jobs/{id}/inputs/{name}',
      id: 'getInput',
      summary: 'Downloads what was put for the handler of a job.',
      faults: ['file.missing'],
      run: async (given) => download(given, await yard.files.input(given.params.id, given.params.name)),
    }),
    operation({
      ...reading,
      path: '/v1/jobs/{id}/outputs/{name}',
      id: 'getOutput',
      summary: 'Downloads what the last attempt of a job wrote.',
      faults: ['job.missing', 'file.missing'],
      run: async (given) => download(given, await yard.files.output(given.params.id, given.params.name)),
    }),
  ];
}

type Asked = Pick<Given<z.output<typeof params>, unknown, unknown>, 'params' | 'header' | 'bytes'>;

async function put(yard: Yard, { params: { id, name }, header, bytes }: Asked): Promise<Answer> {
  const length = header('content-length');
  const size = length === undefined ? undefined : Number(length);
  const view = await yard.files.put(id, name, bytes ?? new Uint8Array(), { type: header('content-type'), size });
  return { status: 201, body: view, headers: { etag: etagOf(view) } };
}

function download({ header }: Asked, { bytes, ...view }: OpenFile): Answer {
  const etag = etagOf(view);
  if (isAsItWas(header('if-none-match'), etag)) return { status: 304, headers: { etag } };
  return {
    stream: { type: view.type, bytes: ReadableStream.from(bytes) },
    headers: {
      ...{ etag, 'content-length': String(view.size) },
      // Whoever put it chose its type: it must never be a page of this site.
      'content-disposition': `attachment; filename="${view.name}"`,
    },
  };
}

function etagOf({ digest }: Pick<FileView, 'digest'>): string {
  return `"${digest.replace(/^SHA-256=/, '').replace(/=+$/, '')}"`;
}
