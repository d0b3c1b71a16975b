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
import { Met } from './met.ts';
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
  readonly #met = new Met();
  /** Each makes the series of one metric that stand at 0. */
  readonly #beginnings: (() => void)[] = [];

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

  #hear(told: Told): void {
    const { name, facts } = told;
    if (this.#met.hear(told)) for (const begin of this.#beginnings) begin();
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
      this.#begin(spec, (labels) => counter.inc(labels, 0));
      for (const feeding of spec.fedBy)
        this.#whenFed(feeding, (facts) =>
          counter.inc(labelsIn({ ...facts, ...feeding.with }, spec), amountIn(facts, feeding) ?? 1),
        );
    } else if (spec.type === 'histogram') {
      const ownBuckets = buckets === undefined ? {} : { buckets: [...buckets] };
      const histogram = new Histogram<string>({ ...made, ...ownBuckets, enableExemplars: true });
      this.#begin(spec, (labels) => histogram.zero(labels));
      for (const feeding of spec.fedBy)
        this.#whenFed(feeding, (facts) => {
          const value = amountIn(facts, feeding);
          if (value !== undefined)
            histogram.observe({ labels: labelsIn(facts, spec), value, exemplarLabels: exemplarIn(facts) });
        });
    } else this.#keepGauge(new Gauge<string>(made), spec);
  }

  /** Makes the series that are there before anything happened in them, now and whenever more of them can be named. */
  #begin(spec: MetricSpec, make: (labels: Record<string, string>) => void): void {
    if (spec.always === undefined) return;
    const made = new Set<string>();
    const begin = () => {
      for (const labels of alwaysOf(spec, this.#met)) {
        const name = JSON.stringify(labels);
        if (!made.has(name)) make(labels);
        made.add(name);
      }
    };
    begin();
    if (Object.values(spec.always).includes('met')) this.#beginnings.push(begin);
  }

  #keepGauge(gauge: Gauge<string>, spec: MetricSpec): void {
    for (const feeding of spec.fedBy) this.#on(feeding.event, (facts) => setBy(gauge, facts, { feeding, spec }));
    const forget = () => forgetAll(gauge, spec);
    // Where no event sets a value of its own, nobody knows one before it is told.
    if (spec.ofLeader === true || spec.fedBy.every(({ set }) => set === undefined)) forget();
    if (spec.ofLeader !== true) return;
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
    // What was measured and can be no more is absent from now on.
    else gauge.remove(labelsIn(facts, spec));
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

/** Every series that is there whatever happens. */
function alwaysOf({ labels, always = {} }: MetricSpec, met: Met): readonly Record<string, string>[] {
  const valuesOf = (label: string) => {
    const values = always[label] ?? [];
    return values === 'met' ? met.of(label) : values;
  };
  return labels.reduce<readonly Record<string, string>[]>(
    (made, label) => made.flatMap((one) => valuesOf(label).map((value) => ({ ...one, [label]: value }))),
    [{}],
  );
}

function labelsIn(facts: Facts, { labels }: MetricSpec): Record<string, string> {
  return Object.fromEntries(labels.map((label) => [label, String(facts[label] ?? '')]));
}
