/**
 * The cluster: who is there, how much there is of what, what failed, what was refused, and whether the books agree.
 */

import { z } from '@hono/zod-openapi';
import { rejectionRedacted } from '../../cluster/redacted.ts';
import { Fault, type Yard } from '../../sdk/index.ts';
import { nothing, type Operation, operation, question } from './operation.ts';
import {
  advice,
  audit,
  auditEntry,
  brokers,
  cluster,
  lanes,
  master,
  rejection,
  stats,
  steppedDown,
  term,
  worker,
} from './shape.ts';

const workerName = z.object({ name: z.string().openapi({ param: { name: 'name', in: 'path' }, example: 'worker-1' }) });

export function clusterOperations(yard: Yard): readonly Operation[] {
  return [...people(yard), discovery(yard), ...counts(yard), ...books(yard), ...acting(yard), ...health(yard)];
}

function people(yard: Yard): readonly Operation[] {
  return [
    question(
      {
        path: '/v1/workers',
        id: 'listWorkers',
        needs: 'read',
        tag: 'workers',
        summary: 'Lists workers, as the leader sees them.',
        schema: z.object({ workers: z.array(worker) }),
      },
      async () => ({ workers: await yard.workers() }),
    ),
    operation({
      method: 'get',
      path: '/v1/workers/{name}',
      id: 'getWorker',
      needs: 'read',
      tag: 'workers',
      summary: 'One worker, by its name or its incarnation.',
      params: workerName,
      query: nothing,
      body: nothing,
      replies: { 200: { description: 'The worker.', schema: worker } },
      faults: ['worker.missing'],
      run: async ({ params: { name } }) => ({ body: await yard.worker(name) }),
    }),
    question(
      {
        path: '/v1/masters',
        id: 'listMasters',
        needs: 'read',
        tag: 'masters',
        summary: 'Lists masters, who leads first; each speaks for itself.',
        schema: z.object({ masters: z.array(master) }),
      },
      async () => ({ masters: await yard.masters() }),
    ),
    question(
      {
        path: '/v1/masters/terms',
        id: 'listTerms',
        needs: 'read',
        tag: 'masters',
        summary: 'Lists who has led of late, the newest first, and why each term ended.',
        schema: z.object({ terms: z.array(term) }),
      },
      async () => ({ terms: await yard.terms() }),
    ),
    question(
      {
        path: '/v1/brokers',
        id: 'getBrokers',
        needs: 'read',
        tag: 'cluster',
        summary: 'How many brokers keep the jobs, and how many of them have them now.',
        schema: brokers,
      },
      () => yard.brokers(),
    ),
    question(
      {
        path: '/v1/cluster',
        id: 'getCluster',
        needs: 'read',
        tag: 'cluster',
        summary: 'The cluster as its leader sees it.',
        schema: cluster,
      },
      async () => (await yard.cluster()) ?? nobodyLeads(),
    ),
  ];
}

/** As Prometheus finds out whom to ask (`http_sd_configs`). */
function discovery(yard: Yard): Operation {
  const target = z.object({ targets: z.array(z.string()), labels: z.record(z.string(), z.string()) });
  return question(
    {
      path: '/v1/prometheus/targets',
      id: 'prometheusTargets',
      needs: 'read',
      tag: 'cluster',
      summary: 'Where masters and workers serve their metrics, for the HTTP discovery of Prometheus.',
      schema: z.array(target.openapi('PrometheusTarget')),
    },
    async () => {
      const [masters, workers] = await Promise.all([yard.masters(), yard.workers()]);
      return [
        ...masters.map((each) => targetOf('master', each)),
        ...workers.filter(({ status }) => status !== 'offline').map((each) => targetOf('worker', each)),
      ].flat();
    },
  );
}

function targetOf(role: string, { name, metrics }: { name: string; metrics?: string }) {
  return metrics === undefined ? [] : [{ targets: [new URL(metrics).host], labels: { role, process: name } }];
}

function nobodyLeads(): never {
  throw new Fault('broker.unavailable', 'Expected a master that leads, none does. Wait for one.');
}

function counts(yard: Yard): readonly Operation[] {
  return [
    question(
      {
        path: '/v1/stats',
        id: 'getStats',
        needs: 'read',
        tag: 'cluster',
        summary: 'How many jobs there are, settled ones too: by state, queue and priority.',
        description: 'Of many jobs by the view, and then `view` says how old that is; else by the heads of all.',
        schema: stats,
      },
      () => yard.census(),
    ),
    question(
      {
        path: '/v1/stats/lanes',
        id: 'getLanes',
        needs: 'read',
        forTenants: true,
        tag: 'cluster',
        summary: 'How many jobs of the tenant there are, settled ones too, by state, queue and priority; by the view.',
        schema: lanes,
      },
      () => yard.lanes(),
    ),
    operation({
      method: 'get',
      path: '/v1/scale',
      id: 'scaleAdvice',
      needs: 'read',
      tag: 'cluster',
      summary: 'How many workers each set of requirements needs, so that jobs start within a minute, or `targetMs`.',
      params: nothing,
      query: z.strictObject({ targetMs: z.coerce.number().int().min(1).default(60_000) }),
      body: nothing,
      replies: { 200: { description: 'The advice.', schema: advice } },
      run: async ({ query }) => ({ body: await yard.scaleAdvice(query) }),
    }),
    operation({
      method: 'get',
      path: '/v1/rejected',
      id: 'listRejected',
      needs: 'read',
      tag: 'jobs',
      summary: 'The last submissions that were refused, the oldest of them first.',
      params: nothing,
      query: z.strictObject({ limit: z.coerce.number().int().min(1).max(1_000).default(100) }),
      body: nothing,
      replies: { 200: { description: 'They.', schema: z.object({ rejected: z.array(rejection) }) } },
      run: async ({ query: { limit } }) => ({
        body: { rejected: (await yard.rejected(limit)).map(rejectionRedacted) },
      }),
    }),
  ];
}

function books(yard: Yard): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/v1/audit/log',
      id: 'listAuditLog',
      needs: 'admin',
      tag: 'cluster',
      summary: 'What people did, the newest first: who, when, and what to what.',
      params: nothing,
      query: z.strictObject({
        limit: z.coerce.number().int().min(1).max(1_000).default(100),
        before: z.coerce
          .number()
          .int()
          .min(1)
          .optional()
          .openapi({ description: 'The `place` of the last one known.' }),
        tenant: z.string().optional(),
      }),
      body: nothing,
      replies: {
        200: {
          description: 'The entries.',
          schema: z.object({
            entries: z.array(auditEntry),
          }),
        },
      },
      run: async ({ query }) => ({ body: { entries: await yard.auditLog(query) } }),
    }),
    question(
      {
        path: '/v1/audit',
        id: 'audit',
        needs: 'read',
        tag: 'cluster',
        summary: 'Holds all that is kept against itself. Reads everything once.',
        schema: audit,
      },
      () => yard.audit(),
    ),
  ];
}

function acting(yard: Yard): readonly Operation[] {
  const common = { method: 'post', query: nothing, body: nothing } as const;
  const one = { 200: { description: 'The worker.', schema: worker } };
  return [
    operation({
      ...common,
      path: '/v1/workers/{name}/drain',
      id: 'drainWorker',
      needs: 'operate',
      tag: 'workers',
      summary: 'Has a worker take nothing more; what runs there ends there.',
      params: workerName,
      faults: ['worker.missing', 'wait.timedOut'],
      replies: one,
      run: async ({ params: { name } }) => ({ body: await yard.drainWorker(name) }),
    }),
    operation({
      ...common,
      path: '/v1/workers/{name}/undrain',
      id: 'undrainWorker',
      needs: 'operate',
      tag: 'workers',
      summary: 'Has a drained worker take jobs again.',
      params: workerName,
      faults: ['worker.missing', 'wait.timedOut'],
      replies: one,
      run: async ({ params: { name } }) => ({ body: await yard.undrainWorker(name) }),
    }),
    operation({
      ...common,
      path: '/v1/masters/step-down',
      id: 'stepDown',
      needs: 'admin',
      tag: 'masters',
      summary: 'Asks the leader to give its lease up; another master leads at once.',
      params: nothing,
      replies: { 200: { description: 'Who led.', schema: steppedDown } },
      run: async () => ({ body: await yard.stepDown() }),
    }),
  ];
}

function health(yard: Yard): readonly Operation[] {
  const common = { method: 'get', tag: 'cluster', params: nothing, query: nothing, body: nothing } as const;
  const state = z.object({ status: z.string(), leader: z.string().optional() }).openapi('Health');
  return [
    question(
      {
        path: '/health',
        id: 'health',
        needs: 'nothing',
        tag: 'cluster',
        summary: 'Whether this process answers. Asks nobody else.',
        schema: state,
      },
      async () => ({ status: 'ok' }),
    ),
    operation({
      ...common,
      path: '/ready',
      id: 'ready',
      needs: 'nothing',
      summary: 'Whether the broker answers and a master leads.',
      replies: {
        200: { description: 'Jobs are scheduled.', schema: state },
        503: { description: 'They are not, and why.', schema: state },
      },
      async run() {
        const view = await yard.cluster().catch(() => undefined);
        if (view === undefined) return { status: 503, body: { status: 'no master that leads answers' } };
        return { body: { status: 'ok', leader: view.leader.name } };
      },
    }),
  ];
}
