/**
 * Keeps the metrics of one process: those that events feed from the moment it is made, and those that stand somewhere as they are
 * when somebody asks. Written in the text format of Prometheus.
 */

import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Histogram from 'prom-client/lib/histogram.js';
import Registry from 'prom-client/lib/registry.js';
import type { Told } from './event.ts';
import { type Feeding, type MetricSpec, metrics, type Teller } from './metric.ts';
import { type Sample, type SampleSpec, samples } from './sample.ts';
import type { Telemetry } from './telemetry.ts';

export interface MeterOptions {
  telemetry: Telemetry;
  role: 'master' | 'worker';
  /** What stands somewhere now. */
  read(): Iterable<Sample>;
}

type Facts = Readonly<Record<string, unknown>>;
/** How one event changes one metric. */
type Feed = (facts: Facts) => void;

const allMetrics: readonly (readonly [string, MetricSpec])[] = Object.entries(metrics);
const allSamples: ReadonlyMap<string, SampleSpec> = new Map(Object.entries(samples));

export class Meter {
  /** What `text` is written in. */
  readonly type = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #read: MeterOptions['read'];
  readonly #registry = new Registry();
  readonly #feeds = new Map<string, Feed[]>();

  constructor({ telemetry, role, read }: MeterOptions) {
    this.#read = read;
    for (const [name, spec] of allMetrics) if (isTeller(spec, role)) this.#keep(name, spec);
    telemetry.subscribe((told) => this.#hear(told));
  }

  /** All of them. */
  async text(): Promise<string> {
    return `${await this.#registry.metrics()}${await sampled(this.#read()).metrics()}`;
  }

  #hear({ name, facts }: Told): void {
    for (const feed of this.#feeds.get(name) ?? []) feed({ ...facts });
  }

  #on(event: string, feed: Feed): void {
    this.#feeds.set(event, [...(this.#feeds.get(event) ?? []), feed]);
  }

  #keep(name: string, spec: MetricSpec): void {
    const { help, labels, buckets } = spec;
    const made = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (spec.type === 'counter') {
      const counter = new Counter<string>(made);
      for (const feeding of spec.fedBy)
        this.#on(feeding.event, (facts) => counter.inc(labelsIn(facts, spec), amountIn(facts, feeding) ?? 1));
    } else if (spec.type === 'histogram') {
      const histogram = new Histogram<string>({ ...made, ...(buckets === undefined ? {} : { buckets: [...buckets] }) });
      for (const feeding of spec.fedBy)
        this.#on(feeding.event, (facts) => {
          const amount = amountIn(facts, feeding);
          if (amount !== undefined) histogram.observe(labelsIn(facts, spec), amount);
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

function isTeller({ teller }: { readonly teller: Teller }, role: MeterOptions['role']): boolean {
  return teller === role || teller === 'both';
}

/** What was read, and nothing else. */
function sampled(read: Iterable<Sample>): Registry {
  const registry = new Registry();
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

function labelsIn(facts: Facts, { labels }: MetricSpec): Record<string, string> {
  return Object.fromEntries(labels.map((label) => [label, String(facts[label] ?? '')]));
}
