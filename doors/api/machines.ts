/**
 * Machines: what jobs, workers, schedules and masters may do, as data, as Mermaid and as a picture.
 */

import { z } from '@hono/zod-openapi';
import { listMachines, machineNamed, mermaidOfMachine } from '../../cluster/machines.ts';
import { directions, pictureOfMachine } from '../machine-picture.ts';
import { asItWas, isAsItWas, tells } from './etag.ts';
import { nothing, type Operation, operation, question } from './operation.ts';

const tag = 'machines';

const state = z
  .object({
    path: z.string().openapi({ example: 'open.active.processing' }),
    name: z.string(),
    within: z.string().openapi({ description: 'The path of the state that it is in; empty at the top.' }),
    leaf: z.boolean(),
    final: z.boolean(),
    initial: z.string().optional().openapi({ description: 'The path of the state that is entered first.' }),
    description: z.string(),
  })
  .openapi('MachineState');

const edge = z
  .object({
    from: z.string(),
    event: z.string().openapi({ description: 'Empty where it is taken at once.' }),
    guard: z.string().openapi({ description: 'Empty where there is none.' }),
    to: z.string().optional().openapi({ description: 'Absent where the state stays what it is.' }),
    actions: z.array(z.string()),
    description: z.string(),
    happy: z.boolean().openapi({ description: 'On the way taken when all goes well.' }),
  })
  .openapi('MachineEdge');

const about = {
  name: z.string().openapi({ example: 'job' }),
  title: z.string(),
  version: z.number().int().optional().openapi({ description: 'The `machine` of records that it moves.' }),
  hash: z.string().openapi({ description: 'Of all that it says: another machine has another one.' }),
};

const summary = z.object({ ...about, states: z.number().int(), edges: z.number().int() }).openapi('MachineSummary');

const machine = z
  .object({
    ...about,
    initial: z.string(),
    states: z.array(state),
    events: z.array(z.string()),
    guards: z.array(z.string()),
    edges: z.array(edge).openapi({ description: 'Of several for one event, the first whose guard holds is taken.' }),
  })
  .openapi('Machine', { description: 'A statechart, as it runs here.' });

const formats = ['json', 'mermaid', 'svg'] as const;
type Format = (typeof formats)[number];

/** What each is called in `Accept`, and in an answer. */
const types = { json: 'application/json', mermaid: 'text/vnd.mermaid', svg: 'image/svg+xml' } as const;

export function machineOperations(): readonly Operation[] {
  const common = { needs: 'read', forTenants: true, tag } as const;
  return [
    question(
      {
        ...common,
        path: '/v1/machines',
        id: 'listMachines',
        summary: 'Lists the machines that run here, each a statechart.',
        schema: z.object({ machines: z.array(summary) }),
      },
      async () => ({
        machines: listMachines().map(({ name, title, version, hash, states, edges }) => ({
          ...{ name, title, version, hash, states: states.length, edges: edges.length },
        })),
      }),
    ),
    operation({
      ...common,
      method: 'get',
      path: '/v1/machines/{name}',
      id: 'getMachine',
      summary: 'One machine: its states, events, guards and edges; or as Mermaid; or as a picture.',
      headers: { ...asItWas, Accept: '`text/vnd.mermaid` or `image/svg+xml`, where `format` says nothing.' },
      params: z.object({ name: z.string().openapi({ param: { name: 'name', in: 'path' }, example: 'job' }) }),
      query: z.strictObject({
        format: z.enum(formats).optional(),
        direction: z.enum(directions).default('right').openapi({ description: 'Where the picture grows to.' }),
      }),
      body: nothing,
      replies: tells({ description: 'The machine.', schema: machine, types: [types.mermaid, types.svg] }),
      faults: ['machine.missing', 'picture.missing'],
      async run({ params: { name }, query, header }) {
        const view = machineNamed(name);
        const format = query.format ?? wanted(header('accept'));
        const headers = { etag: `"${view.hash}-${format}-${query.direction}"`, vary: 'accept' };
        if (isAsItWas(header('if-none-match'), headers.etag)) return { status: 304, headers };
        if (format === 'json') return { body: view, headers };
        const text = format === 'svg' ? await pictureOfMachine(name, query.direction) : mermaidOfMachine(name);
        return {
          stream: { type: types[format], bytes: ReadableStream.from([new TextEncoder().encode(text)]) },
          headers,
        };
      },
    }),
  ];
}

/** What names Mermaid or a picture wants it; browsers name pictures among much else, and get JSON. */
function wanted(accept = ''): Format {
  const first = accept.split(',')[0]?.split(';')[0]?.trim();
  return formats.find((format) => types[format] === first) ?? 'json';
}
