/**
 * Schedules: what recurs, when it fires next, and what became of its moments.
 */

import { z } from '@hono/zod-openapi';
import { Fault, type Yard } from '../../sdk/index.ts';
import { asItWas, changed, expecting, onlyAsItWas, tag, tagged, tells } from './etag.ts';
import { nothing, type Operation, operation, question } from './operation.ts';
import { job } from './schema.ts';
import { firing, schedule } from './shape.ts';
import { jobOptions } from './submission.ts';

const noun = 'schedules';
const missing = ['schedule.missing'] as const;
const changes = ['schedule.missing', 'precondition.failed'] as const;
const params = z.object({ name: z.string().openapi({ param: { name: 'name', in: 'path' }, example: 'nightly' }) });
const moment = z.union([z.number(), z.string()]);

const plan = {
  cron: z.string().optional().openapi({ example: '30 2 * * *' }),
  tz: z.string().optional().openapi({ example: 'Europe/Berlin' }),
  every: moment.optional().openapi({ example: '30s' }),
  anchor: moment.optional(),
};

const change = z
  .strictObject({
    ...plan,
    misfire: z.enum(['skip', 'once', 'all']).optional(),
    window: moment.optional(),
    overlap: z.enum(['allow', 'skip', 'replace']).optional(),
    until: moment.nullable().optional().openapi({ description: '`null` where it shall have no end.' }),
    type: z.string().exactOptional(),
    payload: z.unknown().optional(),
    options: jobOptions.optional(),
  })
  .openapi('ScheduleChange');
const given = z.strictObject({ ...change.shape, type: z.string() }).openapi('ScheduleGiven');

const changedTo = { 200: { description: 'The schedule.', schema: schedule, headers: tag } };

export function scheduleOperations(yard: Yard): readonly Operation[] {
  return [...listing(yard), ...changing(yard), ...acting(yard)];
}

function listing(yard: Yard): readonly Operation[] {
  const common = { method: 'get', tag: noun, params, query: nothing, body: nothing } as const;
  return [
    question(
      {
        path: '/v1/schedules',
        id: 'listSchedules',
        needs: 'read',
        forTenants: true,
        tag: noun,
        summary: 'Lists schedules by name.',
        schema: z.object({ schedules: z.array(schedule) }),
      },
      async () => ({ schedules: await yard.schedules.list() }),
    ),
    operation({
      ...common,
      path: '/v1/schedules/{name}',
      id: 'getSchedule',
      needs: 'read',
      forTenants: true,
      summary: 'Reads a schedule.',
      headers: asItWas,
      replies: tells({ description: 'The schedule.', schema: schedule }),
      faults: missing,
      async run({ params: { name }, header }) {
        const record = await yard.schedules.get(name);
        if (record !== undefined) return tagged({ header }, record);
        throw new Fault('schedule.missing', `Expected a schedule called ${name}, found none. See /v1/schedules.`);
      },
    }),
    operation({
      ...common,
      path: '/v1/schedules/{name}/history',
      id: 'scheduleHistory',
      needs: 'read',
      forTenants: true,
      summary: 'What became of its last moments, the oldest first.',
      replies: {
        200: {
          description: 'The firings.',
          schema: z.object({ firings: z.array(firing) }),
        },
      },
      faults: missing,
      run: async ({ params: { name } }) => ({ body: { firings: await yard.schedules.history(name) } }),
    }),
    operation({
      method: 'post',
      path: '/v1/schedules/preview',
      id: 'previewSchedule',
      needs: 'read',
      forTenants: true,
      tag: noun,
      summary: 'The next moments of a plan, epoch ms.',
      params: nothing,
      query: nothing,
      body: z.strictObject({ ...plan, count: z.number().int().min(1).max(100).default(5) }),
      replies: { 200: { description: 'The moments.', schema: z.object({ moments: z.array(z.number()) }) } },
      run: async ({ body: { count, ...when } }) => ({ body: { moments: await yard.schedules.preview(when, count) } }),
    }),
  ];
}

function changing(yard: Yard): readonly Operation[] {
  const common = { tag: noun, params, query: nothing, headers: onlyAsItWas, replies: changedTo };
  return [
    operation({
      ...common,
      method: 'put',
      path: '/v1/schedules/{name}',
      id: 'addSchedule',
      needs: 'operate',
      forTenants: true,
      headers: {},
      summary: 'Adds a schedule; adding the very same again changes nothing.',
      body: given,
      replies: {
        200: {
          description: 'The schedule, and whether it was not there before.',
          schema: z.object({ schedule, created: z.boolean() }),
        },
      },
      faults: ['schedule.conflict'],
      run: async ({ params: { name }, body }) => ({ body: await yard.schedules.add(name, body) }),
    }),
    operation({
      ...common,
      method: 'patch',
      path: '/v1/schedules/{name}',
      id: 'editSchedule',
      needs: 'operate',
      forTenants: true,
      summary: 'Changes what is named and leaves the rest.',
      body: change,
      faults: changes,
      run: async ({ params: { name }, body, header }) =>
        changed(await yard.schedules.edit(name, body, expecting(header))),
    }),
    operation({
      ...common,
      method: 'delete',
      path: '/v1/schedules/{name}',
      id: 'deleteSchedule',
      needs: 'operate',
      forTenants: true,
      summary: 'Deletes a schedule; its jobs stay.',
      body: nothing,
      faults: changes,
      run: async ({ params: { name }, header }) => changed(await yard.schedules.delete(name, expecting(header))),
    }),
  ];
}

function acting(yard: Yard): readonly Operation[] {
  const faults = ['schedule.missing', 'schedule.refused', 'precondition.failed'] as const;
  const common = {
    method: 'post',
    tag: noun,
    params,
    query: nothing,
    body: nothing,
    headers: onlyAsItWas,
    faults,
  } as const;
  return [
    operation({
      ...common,
      path: '/v1/schedules/{name}/pause',
      id: 'pauseSchedule',
      needs: 'operate',
      forTenants: true,
      summary: 'Lets its moments pass.',
      replies: changedTo,
      run: async ({ params: { name }, header }) => changed(await yard.schedules.pause(name, expecting(header))),
    }),
    operation({
      ...common,
      path: '/v1/schedules/{name}/resume',
      id: 'resumeSchedule',
      needs: 'operate',
      forTenants: true,
      summary: 'Lets it fire again, from now on.',
      replies: changedTo,
      run: async ({ params: { name }, header }) => changed(await yard.schedules.resume(name, expecting(header))),
    }),
    operation({
      ...common,
      path: '/v1/schedules/{name}/run',
      id: 'runSchedule',
      needs: 'operate',
      forTenants: true,
      summary: 'Makes its job now, beside its moments.',
      replies: { 200: { description: 'The job.', schema: job } },
      faults: ['schedule.missing', 'job.conflict', 'quota.full', 'store.full', 'precondition.failed'],
      run: async ({ params: { name }, header }) => ({ body: await yard.schedules.run(name, expecting(header)) }),
    }),
  ];
}
