/**
 * Keeps the metrics of one process: those that events feed from the moment it is made, and those that stand somewhere as they are
 * when somebody asks. Written in the text format of Prometheus.
 */

import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Histogram from 'prom-client/lib/histogram.js';
import Registry from 'prom-client/lib/registry.js';
import { type CompatSample, compatMetrics, compatSamples } from './compat.ts';
import type { Told } from './event.ts';
import { type Feeding, type MetricSpec, metrics, type Teller } from './metric.ts';
import { type Sample, type SampleSpec, samples } from './sample.ts';
import type { Telemetry } from './telemetry.ts';

export interface MeterOptions {
  telemetry: Telemetry;
  role: 'master' | 'worker';
  /** What stands somewhere now. */
  read(): Iterable<Sample | CompatSample>;
  /** Under the names of other schedulers, too. */
  compat?: boolean;
}

/** OpenMetrics allows 128 characters, names included. */
const longestExemplar = 120;

type Facts = Readonly<Record<string, unknown>>;
/** How one event changes one metric. */
type Feed = (facts: Facts) => void;

const allMetrics: readonly (readonly [string, MetricSpec])[] = Object.entries(metrics);
const allCompat: readonly (readonly [string, MetricSpec])[] = Object.entries(compatMetrics);
const allSamples: ReadonlyMap<string, SampleSpec> = new Map(Object.entries({ ...samples, ...compatSamples }));

/** How metrics are written: the text format, or OpenMetrics, which has exemplars. */
export type Format = 'text' | 'openmetrics';

export class Meter {
  readonly #read: MeterOptions['read'];
  readonly #registry = new Registry(Registry.OPENMETRICS_CONTENT_TYPE);
  readonly #feeds = new Map<string, Feed[]>();

  constructor({ telemetry, role, read, compat = false }: MeterOptions) {
    this.#read = read;
    for (const [name, spec] of [...allMetrics, ...(compat ? allCompat : [])])
      if (isTeller(spec, role)) this.#keep(name, spec);
    telemetry.subscribe((told) => this.#hear(told));
  }

  /** All of them. */
  async text(format: Format = 'text'): Promise<{ type: string; text: string }> {
    const [kept, read] = await Promise.all([this.#registry.metrics(), sampled(this.#read()).metrics()]);
    const open = `${kept.replace(/# EOF\n$/, '')}${read}`;
    return format === 'text'
      ? { type: Registry.PROMETHEUS_CONTENT_TYPE, text: plain(open) }
      : { type: Registry.OPENMETRICS_CONTENT_TYPE, text: open };
  }

  #hear({ name, facts }: Told): void {
    const feeds = this.#feeds.get(name);
    if (feeds === undefined) return;
    const own: Facts = { ...facts };
    for (const feed of feeds) feed(own);
  }

  #on(event: string, feed: Feed): void {
    this.#feeds.set(event, [...(this.#feeds.get(event) ?? []), feed]);
  }

  /** Whenever the event comes for which it holds. */
  #whenFed({ event, when }: Feeding, feed: Feed): void {
    const asked = Object.entries(when ?? {});
    this.#on(event, (facts) => {
      if (asked.every(([fact, value]) => facts[fact] === value)) feed(facts);
    });
  }

  #keep(name: string, spec: MetricSpec): void {
    const { help, labels, buckets } = spec;
    const made = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (spec.type === 'counter') {
      const counter = new Counter<string>(made);
      for (const labels of alwaysOf(spec)) counter.inc(labels, 0);
      for (const feeding of spec.fedBy)
        this.#whenFed(feeding, (facts) =>
          counter.inc(labelsIn({ ...facts, ...feeding.with }, spec), amountIn(facts, feeding) ?? 1),
        );
    } else if (spec.type === 'histogram') {
      const ownBuckets = buckets === undefined ? {} : { buckets: [...buckets] };
      const histogram = new Histogram<string>({ ...made, ...ownBuckets, enableExemplars: true });
      for (const labels of alwaysOf(spec)) histogram.zero(labels);
      for (const feeding of spec.fedBy)
        this.#whenFed(feeding, (facts) => {
          const value = amountIn(facts, feeding);
          if (value !== undefined)
            histogram.observe({ labels: labelsIn(facts, spec), value, exemplarLabels: exemplarIn(facts) });
        });
    } else this.#keepGauge(new Gauge<string>(made), spec);
  }

  #keepGauge(gauge: Gauge<string>, spec: MetricSpec): void {
    for (const feeding of spec.fedBy) this.#on(feeding.event, (facts) => setBy(gauge, facts, { feeding, spec }));
    if (spec.ofLeader !== true) return;
    const forget = () => forgetAll(gauge, spec);
    forget();
    this.#on('leader.deposed', forget);
    this.#on('leader.steppedDown', forget);
  }
}

/** The text format, from OpenMetrics: a registry that has written that cannot write the other one any more. */
function plain(open: string): string {
  return open
    .replace(/^# HELP (\S+) (.*)\n# TYPE \1 counter$/gm, '# HELP $1_total $2\n# TYPE $1_total counter')
    .replace(/^(\S+_bucket\{.*\} \S+) # \{job=.*$/gm, '$1')
    .replace(/# EOF\n$/, '');
}

function isTeller({ teller }: { readonly teller: Teller }, role: MeterOptions['role']): boolean {
  return teller === role || teller === 'both';
}

/** What was read, and nothing else. */
function sampled(read: Iterable<Sample | CompatSample>): Registry {
  const registry = new Registry(Registry.OPENMETRICS_CONTENT_TYPE);
  const made = new Map<string, Gauge<string> | Counter<string>>();
  for (const { name, labels = {}, value } of read) {
    const metric = made.get(name) ?? makeSample(name, registry);
    made.set(name, metric);
    metric.inc(labels, value);
  }
  return registry;
}

function makeSample(name: string, registry: Registry): Gauge<string> | Counter<string> {
  const spec = allSamples.get(name);
  if (spec === undefined) throw new RangeError(`Expected a sample of the catalogue, got ${name}.`);
  const made = { name, help: spec.help, labelNames: [...spec.labels], registers: [registry] };
  return spec.type === 'gauge' ? new Gauge<string>(made) : new Counter<string>(made);
}

function setBy(gauge: Gauge<string>, facts: Facts, { feeding, spec }: { feeding: Feeding; spec: MetricSpec }): void {
  if (feeding.eachOf === undefined) {
    const amount = feeding.set ?? amountIn(facts, feeding);
    if (amount !== undefined) gauge.set(labelsIn(facts, spec), amount);
    return;
  }
  const counts = facts[feeding.eachOf];
  if (typeof counts !== 'object' || counts === null) return;
  gauge.reset();
  for (const [name, value] of Object.entries(counts)) gauge.set({ [feeding.as ?? feeding.eachOf]: name }, value);
}

/** Series without labels go only by name. */
function forgetAll(gauge: Gauge<string>, { labels }: MetricSpec): void {
  if (labels.length === 0) gauge.remove();
  else gauge.reset();
}

function amountIn(facts: Facts, { fact, toSeconds }: Feeding): number | undefined {
  if (fact === undefined) return undefined;
  const value = facts[fact];
  if (typeof value !== 'number') return undefined;
  return toSeconds === true ? value / 1_000 : value;
}

/** The job that a value is of: no label of a series, so that it costs none. */
function exemplarIn({ key }: Facts): Record<string, string> {
  return typeof key === 'string' && key.length <= longestExemplar ? { job: key } : {};
}

/** Every series that is there from the start. */
function alwaysOf({ labels, always }: MetricSpec): readonly Record<string, string>[] {
  if (always === undefined) return [];
  return labels.reduce<readonly Record<string, string>[]>(
    (made, label) => made.flatMap((one) => (always[label] ?? []).map((value) => ({ ...one, [label]: value }))),
    [{}],
  );
}

function labelsIn(facts: Facts, { labels }: MetricSpec): Record<string, string> {
  return Object.fromEntries(labels.map((label) => [label, String(facts[label] ?? '')]));
}
