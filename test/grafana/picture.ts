/**
 * Draws a dashboard as Grafana would lay it out, from its JSON file and what Prometheus answered: a page of SVG without scripts.
 *
 * Knows the two kinds of panels that ours have, their units and thresholds. It is no Grafana: it shows where things are and what is
 * in them.
 */

import { z } from 'zod';

const step = z.object({ value: z.number().nullable(), color: z.string() });
const dashboardJson = z.looseObject({
  uid: z.string(),
  title: z.string(),
  description: z.string(),
  panels: z.array(
    z.looseObject({
      id: z.number(),
      type: z.enum(['stat', 'timeseries']),
      title: z.string(),
      gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
      fieldConfig: z.looseObject({
        defaults: z.looseObject({ unit: z.string(), thresholds: z.looseObject({ steps: z.array(step) }) }),
      }),
      targets: z.array(z.looseObject({ expr: z.string(), legendFormat: z.string().optional() })),
    }),
  ),
});
export type DashboardJson = z.output<typeof dashboardJson>;
type Panel = DashboardJson['panels'][number];

/** A line: epoch seconds and values. */
export interface Line {
  name: string;
  points: readonly (readonly [at: number, value: number])[];
}

export interface Drawn {
  dashboard: DashboardJson;
  /** By panel id. */
  lines: ReadonlyMap<number, readonly Line[]>;
  from: number;
  to: number;
}

const [columnWidth, rowHeight, gap, top] = [58, 30, 8, 60];
const width = 24 * columnWidth + gap;
const colours = [
  '#73bf69',
  '#f2cc0c',
  '#5794f2',
  '#ff9830',
  '#f2495c',
  '#b877d9',
  '#8ab8ff',
  '#ffb357',
  '#96d98d',
  '#ca95e5',
];
const named: Readonly<Record<string, string>> = { green: '#73bf69', red: '#f2495c' };

export function readDashboard(json: string): DashboardJson {
  return dashboardJson.parse(JSON.parse(json));
}

/** How large the page is, in pixels. */
export function sizeOf({ panels }: DashboardJson): { width: number; height: number } {
  const rows = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h));
  return { width, height: top + rows * rowHeight + gap };
}

export function draw({ dashboard, lines, from, to }: Drawn): string {
  const { height } = sizeOf(dashboard);
  const panels = dashboard.panels.map((panel) => panelAt(panel, { lines: lines.get(panel.id) ?? [], from, to }));
  return `<!doctype html><meta charset="utf-8"><title>${escaped(dashboard.title)}</title>
<style>body{margin:0;background:#111217}text{font-family:'DejaVu Sans',sans-serif;fill:#ccccdc;font-size:11px}</style>
<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
<rect width="${width}" height="${height}" fill="#111217"/>
<text x="${gap}" y="26" style="font-size:18px">${escaped(dashboard.title)}</text>
<text x="${gap}" y="46" style="fill:#8e8ea0">${escaped(dashboard.description)} ${clock(from)} to ${clock(to)} UTC.</text>
${panels.join('\n')}
</svg>`;
}

interface Data {
  lines: readonly Line[];
  from: number;
  to: number;
}

function panelAt(panel: Panel, data: Data): string {
  const { x, y, w, h } = panel.gridPos;
  const [wide, high] = [w * columnWidth - gap, h * rowHeight - gap];
  const inside = panel.type === 'stat' ? stat(panel, data, wide, high) : timeseries(panel, data, wide, high);
  return `<g transform="translate(${gap + x * columnWidth},${top + y * rowHeight})">
<rect width="${wide}" height="${high}" rx="2" fill="#181b1f" stroke="#2c3235"/>
<text x="10" y="18" style="font-weight:bold">${escaped(panel.title)}</text>
${inside}</g>`;
}

function stat(panel: Panel, { lines }: Data, wide: number, high: number): string {
  const value = lines[0]?.points.at(-1)?.[1];
  const { unit, thresholds } = panel.fieldConfig.defaults;
  if (value === undefined) return nothing(wide, high);
  const colour = thresholds.steps.filter((each) => each.value === null || value >= each.value).at(-1)?.color ?? 'green';
  return `<text x="${wide / 2}" y="${high / 2 + 22}" text-anchor="middle" style="font-size:40px;fill:${named[colour] ?? colour}">${withUnit(value, unit)}</text>`;
}

function timeseries(panel: Panel, { lines, from, to }: Data, wide: number, high: number): string {
  const { unit, thresholds } = panel.fieldConfig.defaults;
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite);
  if (values.length === 0) return nothing(wide, high);
  const legendRows = Math.ceil(Math.min(lines.length, 8) / 4);
  const area = { x: 62, y: 30, w: wide - 74, h: high - 56 - 16 * legendRows };
  const most = niceAbove(Math.max(...values, 0));
  const at = (time: number) => area.x + ((time - from) / (to - from)) * area.w;
  const up = (value: number) => area.y + area.h - (value / most) * area.h;
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const y = up(part * most);
    return `<line x1="${area.x}" x2="${area.x + area.w}" y1="${y}" y2="${y}" stroke="#2c3235"/><text x="${area.x - 6}" y="${y + 4}" text-anchor="end">${withUnit(part * most, unit)}</text>`;
  });
  const times = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const time = from + part * (to - from);
    return `<text x="${at(time)}" y="${area.y + area.h + 16}" text-anchor="${part === 1 ? 'end' : 'middle'}">${clock(time)}</text>`;
  });
  const bad = thresholds.steps.flatMap(({ value, color }) =>
    value === null || value > most
      ? []
      : [
          `<line x1="${area.x}" x2="${area.x + area.w}" y1="${up(value)}" y2="${up(value)}" stroke="${named[color] ?? color}" stroke-dasharray="6 4"/>`,
        ],
  );
  const paths = lines.flatMap(({ points }, index) =>
    pieces(points, (to - from) / 60).map((piece) => {
      const drawn = piece.map(([time, value]) => `${at(time).toFixed(1)},${up(value).toFixed(1)}`).join(' ');
      return `<polyline points="${drawn}" fill="none" stroke="${colours[index % colours.length]}" stroke-width="1.5"/>`;
    }),
  );
  const legend = lines.slice(0, 8).map(({ name, points }, index) => {
    const [x, y] = [10 + (index % 4) * ((wide - 20) / 4), high - 16 * legendRows + 16 * Math.floor(index / 4) + 4];
    const last = points.at(-1)?.[1] ?? Number.NaN;
    return `<rect x="${x}" y="${y - 7}" width="10" height="4" fill="${colours[index % colours.length]}"/><text x="${x + 15}" y="${y}">${escaped(name)}: ${withUnit(last, unit)}</text>`;
  });
  return [...marks, ...times, ...bad, ...paths, ...legend].join('');
}

/** Where nothing was told for longer than `gap`, the line is interrupted. */
function pieces(points: Line['points'], gap: number): Line['points'][] {
  const made: (readonly [number, number])[][] = [];
  for (const point of points.filter(([, value]) => Number.isFinite(value))) {
    const last = made.at(-1)?.at(-1);
    if (last === undefined || point[0] - last[0] > gap) made.push([point]);
    else made.at(-1)?.push(point);
  }
  return made;
}

function nothing(wide: number, high: number): string {
  return `<text x="${wide / 2}" y="${high / 2 + 8}" text-anchor="middle" style="fill:#8e8ea0">No data</text>`;
}

/** The next of 1, 2, 4, 5 and 10 times a power of ten. */
function niceAbove(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 10].find((times) => times * power >= value) ?? 10) * power;
}

const units: Readonly<Record<string, (value: number) => string>> = {
  s: seconds,
  percentunit: (value) => `${short(100 * value)}%`,
  bytes: (value) => (value < 1e6 ? `${short(value / 1e3)} kB` : `${short(value / 1e6)} MB`),
  ops: (value) => `${short(value)}/s`,
  celsius: (value) => `${short(value)} °C`,
  watt: (value) => `${short(value)} W`,
  joule: (value) => `${short(value)} J`,
};

export function withUnit(value: number, unit: string): string {
  if (!Number.isFinite(value)) return '-';
  return (units[unit] ?? short)(value);
}

function seconds(value: number): string {
  if (value === 0) return '0 s';
  if (Math.abs(value) < 1) return `${short(1_000 * value)} ms`;
  return value < 120 ? `${short(value)} s` : `${short(value / 60)} min`;
}

function short(value: number): string {
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (Math.abs(value) >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(Number(value.toPrecision(3)));
}

function clock(seconds: number): string {
  return new Date(1_000 * seconds).toISOString().slice(11, 19);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
