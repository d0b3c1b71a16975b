/** Dashboards and alerts, as far as they can be judged without a cluster: their form, and that they name what there is. */

import { describe, expect, test } from 'vitest';
import { alerts } from '../../grafana/alerts.ts';
import { build, place } from '../../grafana/build.ts';
import { dashboards } from '../../grafana/dashboards.ts';
import { questions } from '../../grafana/page.ts';
import { metrics } from '../../runtime/telemetry/metric.ts';
import { samples } from '../../runtime/telemetry/sample.ts';
import { found, promtool } from '../doors/prometheus.ts';

const series = new Set([
  ...Object.keys(samples),
  ...Object.entries(metrics).flatMap(([name, { type }]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
]);

/** Metrics that an expression names and that nobody serves. */
function strangers(expr: string): readonly string[] {
  return (expr.match(/\byard_\w+/g) ?? []).filter((name) => !series.has(name));
}

test.each(dashboards)('$title names only metrics that there are', ({ panels }) => {
  const queries = panels.flatMap((panel) => panel.queries);
  expect(queries.flatMap(({ expr }) => strangers(expr))).toEqual([]);
  expect(queries.filter(({ expr }) => !expr.includes('yard_') || expr.includes('vector('))).toEqual([]);
});

test('a metric that nobody serves is found', () => {
  expect(strangers('sum(rate(yard_jobs_lost_total[5m])) / sum(yard_jobs)')).toEqual(['yard_jobs_lost_total']);
});

test.each(dashboards)('panels of $title lie side by side within the page, each with a name of its own', (dashboard) => {
  const placed = place(dashboard.panels);
  const cells = placed.flatMap(({ at: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)} ${y + Math.floor(cell / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(placed.filter(({ at: { x, w } }) => x + w > 24)).toEqual([]);
  expect(new Set(dashboard.panels.map(({ title }) => title)).size).toBe(dashboard.panels.length);
  const built = build(dashboard).panels ?? [];
  expect(built).toHaveLength(dashboard.panels.length);
  expect(new Set(built.map(({ id }) => id)).size).toBe(built.length);
});

test('each question that is asked at 3 a.m. has its panels on the Overview', () => {
  const titles = dashboards.find(({ uid }) => uid === 'yard-overview')?.panels.map(({ title }) => title);
  expect(questions).toHaveLength(6);
  for (const { panels } of questions) expect(titles).toEqual(expect.arrayContaining([...panels]));
});

test.each(alerts)('$name names only metrics that there are', ({ expr }) => {
  expect(strangers(expr)).toEqual([]);
});

describe.skipIf(found('promtool') === undefined)('promtool', () => {
  test('finds the rules right, and each of them fires where it should and does not where it should not', async () => {
    expect(await promtool('check', 'rules', 'grafana/alerts/yardmaster.yml')).toContain(`${alerts.length} rules found`);
    expect(await promtool('test', 'rules', 'grafana/alerts/yardmaster.test.yml')).toContain('SUCCESS');
  });

  test('finds the configuration of Prometheus right', async () => {
    expect(await promtool('check', 'config', 'grafana/prometheus.yml')).toContain('SUCCESS');
  });
});
