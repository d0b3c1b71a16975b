/** What happens for the first time is in a rate, too: its series stood at 0 before, and Prometheus had seen that. */

import { expect, test } from 'vitest';
import { z } from 'zod';
import { connect, defineJob } from '../../sdk/index.ts';
import { serveOpen } from './cluster.ts';
import { Metered } from './metered.ts';
import { found, Prometheus } from './prometheus.ts';

const program = found('prometheus');
const payload = z.object({});

test.skipIf(program === undefined)(
  'the first job of a type, and the first that fails, are in the rates of a real Prometheus',
  async () => {
    await using on = await Metered.open();
    const definitions = [
      defineJob({ type: 'maiden', payload, run: () => 'done' }),
      defineJob({ type: 'hapless', payload, defaults: { maxAttempts: 1 }, run: () => Promise.reject(new Error('no')) }),
    ];
    await on.master();
    await on.worker(definitions, {});
    const http = await serveOpen(() => connect({ servers: on.broker.url }));
    on.atEnd(() => http.close());
    await using prometheus = await Prometheus.start(program ?? '', `${http.url}/v1/prometheus/targets`, '1s');
    const is = async (expr: string) => (await prometheus.query(expr).catch(() => []))[0]?.value;
    const of = {
      opened: 'sum(yard_jobs_opened_total{type="maiden"})',
      settled: 'sum(yard_jobs_settled_total{type="maiden",state="completed"})',
      failed: 'sum(yard_jobs_settled_total{type="hapless",state="failed"})',
      ended: 'sum(yard_attempts_ended_total{type="maiden",outcome="completed"})',
      waited: 'sum(yard_job_wait_seconds_count{queue="default",priority="medium"})',
      ran: 'sum(yard_attempt_duration_seconds_count{type="maiden",outcome="completed"})',
    };
    for (const expr of Object.values(of)) await expect.poll(() => is(expr), { message: expr }).toBe(0);
    const yard = await on.yard();
    for (const { id } of await yard.submitMany([
      { type: 'maiden', payload: {} },
      { type: 'hapless', payload: {} },
    ]))
      await yard.settled(id);
    for (const expr of Object.values(of)) {
      const grown = expr.replace(/\((.*)\)/, '(increase($1[1m]))');
      await expect.poll(() => is(grown), { message: grown }).toBeGreaterThan(0);
    }
  },
);
