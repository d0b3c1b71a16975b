/**
 * What a process serves as metrics, read as Prometheus would read it: the value of each series, and the labels of all of them.
 */

/** Values by series, as they are written: `yard_jobs{state="queued"}`. */
export async function scraped({ url }: { url: string }, accept = 'text/plain'): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${url}/metrics`, { headers: { accept } });
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      // What follows is an exemplar, which names a job and is no label.
      const [series = ''] = line.split(' # ');
      return [series.slice(0, series.lastIndexOf(' ')), Number(series.slice(series.lastIndexOf(' ')))];
    }),
  );
}

/** The name of a metric, and its labels in pairs. */
export function partsOf(series: string): { name: string; labels: readonly (readonly [string, string])[] } {
  const [name = '', rest = ''] = series.split(/\{(.*)\}$/);
  const labels = [...rest.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  return { name, labels: labels.map(([, label = '', value = '']) => [label, value] as const) };
}
