/**
 * What a dashboard shows, as data: panels with their expressions over the catalogue of metrics, and what each answers.
 *
 * Built into Grafana's own form by `build.ts`, told to people by `page.ts`, and evaluated by tests on a running cluster.
 */

/** One line of a panel, or one value. */
export interface Query {
  /** PromQL. `$__rate_interval` is Grafana's. */
  expr: string;
  legend?: string;
}

export interface PanelSpec {
  title: string;
  kind: 'timeseries' | 'stat';
  /** One of Grafana's units, such as `s` or `percentunit`. */
  unit: string;
  queries: readonly Query[];
  /** What it shows and when it is bad, in a sentence. */
  help: string;
  /** From these values on it is bad (`above`), or below them. */
  bad?: { above: number } | { below: number };
  /** What must be there for it to have data: without that it is empty, and says nothing of 0. */
  needs?: 'transcodes' | 'vmaf' | 'gpu' | 'trouble' | 'view';
}

export interface DashboardSpec {
  /** Name of its file, and its address in Grafana. */
  uid: string;
  title: string;
  help: string;
  refresh: string;
  from: string;
  panels: readonly PanelSpec[];
}

type Text = Pick<PanelSpec, 'title' | 'help' | 'unit'> & Partial<Pick<PanelSpec, 'bad' | 'needs'>>;

/** One value, as it is now. */
export function stat(text: Text, expr: string): PanelSpec {
  return { ...text, kind: 'stat', queries: [{ expr }] };
}

/** Lines over time, one query each. */
export function lines(text: Text, ...queries: readonly Query[]): PanelSpec {
  return { ...text, kind: 'timeseries', queries };
}

/** Median, 95 and 99 of 100 of a histogram. */
export function quantiles(text: Text, histogram: string, by: readonly string[] = []): PanelSpec {
  const groups = ['le', ...by].join(', ');
  const named = by.map((label) => ` {{${label}}}`).join('');
  const parts = by.length === 0 ? [0.5, 0.95, 0.99] : [0.95];
  const queries = parts.map((part) => ({
    expr: `histogram_quantile(${part}, sum by (${groups}) (rate(${histogram}_bucket[$__rate_interval])))`,
    legend: `p${part * 100}${named}`,
  }));
  return { ...text, kind: 'timeseries', queries };
}
