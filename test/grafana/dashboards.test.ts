/** Dashboards and alerts, as far as they can be judged without a cluster: their form, and that they name what there is. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { alerts } from '../../grafana/alerts.ts';
import { build, place } from '../../grafana/build.ts';
import { dashboards } from '../../grafana/dashboards.ts';
import { questions } from '../../grafana/page.ts';
import { metrics } from '../../runtime/telemetry/metric.ts';
import { samples } from '../../runtime/telemetry/sample.ts';
import { found, promtool } from '../doors/prometheus.ts';
import { draw, readDashboard, sizeOf } from './picture.ts';
import { wrongBySchema } from './schema.ts';

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

describe('the schema of Grafana', () => {
  const file = (uid: string) => readFileSync(join(import.meta.dirname, `../../grafana/dashboards/${uid}.json`), 'utf8');

  test.each(dashboards)('has nothing against $uid', ({ uid }) => {
    expect(wrongBySchema(file(uid))).toEqual([]);
  });

  test.each([
    ['an unknown field', '"title":', '"titel":'],
    ['a value that is none', '"mode": "absolute"', '"mode": "absolut"'],
    ['a place that is no number', '"w": 12', '"w": "12"'],
    ['an unknown field of a query', '"legendFormat":', '"legend":'],
    ['an unknown kind of panel', '"type": "stat"', '"type": "singlestat"'],
  ])('finds %s', (_, right, wrong) => {
    const planted = file('yard-overview').replace(right, wrong);
    expect(planted).toContain(wrong);
    expect(wrongBySchema(planted)).not.toEqual([]);
  });
});

test('each question that is asked at 3 a.m. has its panels on the Overview', () => {
  const titles = dashboards.find(({ uid }) => uid === 'yard-overview')?.panels.map(({ title }) => title);
  expect(questions).toHaveLength(6);
  for (const { panels } of questions) expect(titles).toEqual(expect.arrayContaining([...panels]));
});

describe('a drawn dashboard', () => {
  const overview = readDashboard(
    readFileSync(join(import.meta.dirname, '../../grafana/dashboards/yard-overview.json'), 'utf8'),
  );
  const [from, to] = [1_800_000_000, 1_800_000_300];

  test('has each panel in its place, a value in red where it is bad, lines with their legend, and says where nothing is', () => {
    const lines = new Map([
      [1, [{ name: '', points: [[from, 0]] as const }]],
      [
        7,
        [
          {
            name: 'live <high>',
            points: [
              [from, 400],
              [to, 600],
            ] as const,
          },
        ],
      ],
    ]);
    const page = draw({ dashboard: overview, lines, from, to });
    const { width, height } = sizeOf(overview);
    expect(page).toContain(`width="${width}" height="${height}"`);
    for (const { title } of overview.panels) expect(page).toContain(`>${title}</text>`);
    expect(page).toMatch(/fill:#f2495c">0<\/text>/);
    expect(page).toContain('live &lt;high&gt;: 10 min</text>');
    expect(page).toContain('stroke-dasharray');
    expect(page.match(/>No data</g)).toHaveLength(overview.panels.length - 2);
  });
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
