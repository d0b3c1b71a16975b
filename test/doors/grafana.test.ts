/**
 * Every panel on a real Prometheus that watches a running cluster under a mixed load: each expression has data, and its value is what
 * somebody else counted (`observed.ts`, `truth.ts`).
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alerts } from '../../grafana/alerts.ts';
import { dashboards } from '../../grafana/dashboards.ts';
import type { Query } from '../../grafana/panel.ts';
import { Observed, type Seen } from './observed.ts';
import { found, named, type Series } from './prometheus.ts';
import { type Expected, type Truth, truthOf, unrated } from './truth.ts';

const program = found('prometheus');

const queries = dashboards.flatMap(({ uid, panels }) =>
  panels.flatMap(({ title, needs, queries: own }) =>
    own.map((query) => ({ panel: `${uid}: ${title}`, needs, ...query })),
  ),
);

test('the value of every panel is worked out', () => {
  const nothing: Seen = {
    ...{ heads: new Map(), terms: new Set<number>(), events: [], reasons: [], films: [] },
    ...{ rejected: 0, slots: 1, at: 0 },
  };
  expect(queries.filter(({ expr }) => truthOf(unrated(expr), nothing) === undefined)).toEqual([]);
});

describe.skipIf(program === undefined)('a running cluster', () => {
  let cluster: Observed;

  beforeAll(async () => {
    cluster = await Observed.start(program ?? '');
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  test('has its share of trouble', { timeout: 120_000 }, async () => {
    await cluster.trouble();
    await cluster.transcode();
    await cluster.yard.jobPage({ limit: 1 });
    expect((await cluster.yard.masters())[0]).toMatchObject({ leads: true });
  });

  test('gives every panel data', { timeout: 180_000 }, async () => {
    const hasData = async (expr: string) =>
      (await cluster.prometheus.query(expr.replaceAll('$__rate_interval', '2m'))).some(
        ({ value }) => !Number.isNaN(value),
      );
    const [film] = (await cluster.seen()).films;
    // What cannot be measured is absent: not every ffmpeg has VMAF.
    let without = queries.filter(({ needs }) => needs !== 'vmaf' || film?.vmaf !== undefined);
    const empty = async () => {
      await cluster.load();
      // A series that begins with its first value has no rate before its second one.
      if (without.some(({ needs }) => needs === 'transcodes')) await cluster.transcode();
      // A rate is there as long as something happens: what had data once has shown that it can.
      const has = await Promise.all(without.map(({ expr }) => hasData(expr)));
      without = without.filter((_, at) => has[at] !== true);
      return without;
    };
    await expect.poll(empty, { timeout: 170_000, interval: 500 }).toEqual([]);
  });

  test('has each series that an alert is about', async () => {
    const about = alerts.flatMap(({ expr }) => expr.match(/yard_\w+(\{[^}]*\})?/g) ?? []);
    expect(about.length).toBeGreaterThan(alerts.length);
    // Absent where nothing limits the store.
    const asked = about.filter((series) => series !== 'yard_store_used_ratio');
    const missing = async () => {
      const found = await Promise.all(asked.map((series) => cluster.prometheus.query(series)));
      return asked.filter((_, at) => found[at]?.length === 0);
    };
    await expect.poll(missing).toEqual([]);
    for (const { expr } of alerts) await cluster.prometheus.query(expr);
  });

  test('tells on every panel what happened', { timeout: 180_000 }, async () => {
    const seen = await cluster.seen();
    expect(seen.heads.size).toBeGreaterThan(15);
    for (const query of queries) {
      const expr = unrated(query.expr);
      const found = async () => wrong(query, await cluster.prometheus.query(expr), truthOf(expr, seen) ?? {});
      await expect.poll(found, { message: query.panel }).toEqual([]);
    }
  });

  test('finds a wrong expression: of another state, of another label, one that is none, and a metric that is none', async () => {
    const seen = await cluster.seen();
    const check = async (expr: string, legend: string, of: string) =>
      wrong({ expr, legend }, await cluster.prometheus.query(expr), truthOf(of, seen) ?? {});
    const failed = 'sum by (type) (yard_jobs_settled_total{state="failed"})';
    await expect.poll(() => check(failed, '{{type}}', failed)).toEqual([]);
    expect(await check('sum by (type) (yard_jobs_settled_total{state="completed"})', '{{type}}', failed)).not.toEqual(
      [],
    );
    expect(await check('sum by (queue) (yard_jobs_settled_total)', '{{queue}}', failed)).not.toEqual([]);
    expect(await check('sum(yard_jobs_lost_total)', '', 'sum(yard_queue_waiting)')).not.toEqual([]);
    await expect(cluster.prometheus.query('sum(rate(yard_jobs[5m])')).rejects.toThrow('Expected an expression');
  });

  test('has a job as exemplar of a latency', async () => {
    expect(await cluster.prometheus.exemplars('yard_attempt_duration_seconds_bucket')).toMatch(
      /"job":"default\.[^"]+"/,
    );
  });
});

/** In which the series are not what they must be. */
function wrong({ expr, legend = '' }: Query, read: readonly Series[], truth: Truth): readonly string[] {
  const found = new Map(read.map(({ labels, value }) => [named(legend, labels), value]));
  const names = new Set([...found.keys(), ...Object.keys(truth)]);
  return [...names].flatMap((name) => {
    const [expected = 0, value] = [truth[name], found.get(name)];
    // What nobody told of is absent, and so is what did not happen to it.
    if (value === undefined && expected === 0) return [];
    return value !== undefined && (isAs(value, expected) || (Number.isNaN(value) && expected === 0))
      ? []
      : [`${expr}: expected ${name} to be ${String(expected)}, got ${String(value)}`];
  });
}

function isAs(value: number, expected: Expected): boolean {
  return typeof expected === 'number' ? value === expected : expected[0] <= value && value <= expected[1];
}
