/**
 * Builds what Grafana reads from the dashboards' data, with Grafana's own builders. Places are given one by one: left to
 * themselves, the builders put panels beyond the last column.
 */

import { ReduceDataOptionsBuilder } from '@grafana/grafana-foundation-sdk/common';
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  TextBoxVariableBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { DashboardSpec, PanelSpec, Query } from './panel.ts';

const source = { type: 'prometheus', uid: '$' + '{datasource}' };
const columns = 24;
const sizes = { stat: { w: 4, h: 4 }, timeseries: { w: 12, h: 8 } } as const;

export interface Placed {
  panel: PanelSpec;
  at: { x: number; y: number; w: number; h: number };
}

/** Line by line, from the left; a line is as high as the highest in it. Values that stand together fill their lines. */
export function place(panels: readonly PanelSpec[]): readonly Placed[] {
  let [x, y, height] = [0, 0, 0];
  return panels.map((panel, index) => {
    const { h } = sizes[panel.kind];
    const w = panel.kind === 'stat' ? widthOf(panels, index) : sizes.timeseries.w;
    if (x + w > columns) [x, y, height] = [0, y + height, 0];
    const at = { x, y, w, h };
    x += w;
    height = Math.max(height, h);
    return { panel, at };
  });
}

/** Of as many values as fit into its line, each has the same share. */
function widthOf(panels: readonly PanelSpec[], index: number): number {
  const first = panels.findLastIndex(({ kind }, at) => at < index && kind !== 'stat') + 1;
  const end = panels.findIndex(({ kind }, at) => at > index && kind !== 'stat');
  const most = columns / sizes.stat.w;
  const line = first + Math.floor((index - first) / most) * most;
  return Math.floor(columns / Math.min(most, (end === -1 ? panels.length : end) - line));
}

/** Grafana's dashboard. */
export function build({ uid, title, help, refresh, from, panels }: DashboardSpec): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(help)
    .tags(['yardmaster'])
    .refresh(refresh)
    .time({ from, to: 'now' })
    .timezone('browser')
    .readonly()
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
    .withVariable(new TextBoxVariableBuilder('console').label('API').defaultValue('http://127.0.0.1:8080'))
    .annotation(failovers())
    .link(
      new DashboardLinkBuilder('Dashboards').type(DashboardLinkType.Dashboards).tags(['yardmaster']).asDropdown(true),
    )
    .link(new DashboardLinkBuilder('API').type(DashboardLinkType.Link).url('$console').targetBlank(true));
  for (const [index, placed] of place(panels).entries()) builder.withPanel(panelOf(placed, index + 1));
  return builder.build();
}

function failovers(): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name('Failovers')
    .datasource(source)
    .enable(true)
    .iconColor('red')
    .expr('increase(yard_leader_elections_total[1m]) > 0')
    .titleFormat('{{process}} leads');
}

function panelOf({ panel, at }: Placed, id: number): StatBuilder | TimeseriesBuilder {
  const builder = panel.kind === 'stat' ? statOf() : new TimeseriesBuilder().fillOpacity(10);
  const targets = panel.queries.map((query, index) => target(query, String.fromCharCode(65 + index)));
  return builder
    .id(id)
    .title(panel.title)
    .description(panel.help)
    .datasource(source)
    .gridPos(at)
    .unit(panel.unit)
    .thresholds(thresholds(panel))
    .targets(targets);
}

function statOf(): StatBuilder {
  return new StatBuilder().reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']));
}

function target({ expr, legend }: Query, refId: string): DataqueryBuilder {
  const query = new DataqueryBuilder().expr(expr).refId(refId).range();
  return legend === undefined ? query : query.legendFormat(legend);
}

function thresholds({ bad }: PanelSpec): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(stepsOf(bad));
}

function stepsOf(bad: PanelSpec['bad']): { value: number | null; color: string }[] {
  if (bad === undefined) return [{ value: null, color: 'green' }];
  const [good, from, then] = 'above' in bad ? ['green', bad.above, 'red'] : ['red', bad.below, 'green'];
  return [
    { value: null, color: good },
    { value: from, color: then },
  ];
}
