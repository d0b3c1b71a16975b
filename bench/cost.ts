/**
 * What it costs to be watched: a burst without anything, with metrics that are fetched each second, with traces as they are by
 * default, with every job traced, with a webhook for jobs of another type, and with one that is told of each job.
 *
 * One round has each of them once, each on a cluster of its own, in an order that turns; a ratio compares two of one round, since what
 * else the machine does changes from minute to minute. On a busy machine the CPU time of master and workers says more than the rate.
 */

import { createServer, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { connect } from '../sdk/index.ts';
import { measureOnce } from './burst.ts';
import { rounded, type Spread, spread } from './figure.ts';
import { ticksOf, ticksPerSecond } from './idle.ts';
import { type Stage, type StageOptions, setStage } from './stage.ts';

export interface CostOptions {
  jobs: number;
  workers: number;
  concurrency: number;
  rounds: number;
}

export interface CostResult extends CostOptions {
  jobsPerSecond: Readonly<Record<string, Spread>>;
  /** CPU time of master and workers for each job. */
  cpuMicroseconds: Readonly<Record<string, Spread>>;
  /** Of what it is without anything, in the same round. */
  rateRatio: Readonly<Record<string, Spread>>;
  cpuRatio: Readonly<Record<string, Spread>>;
  spansReceived: Readonly<Record<string, number>>;
}

type Figures = Record<string, number[]>;
type Variant = Pick<StageOptions, 'flags' | 'env'> & { isScraped?: true; webhook?: Hook };
/** A webhook for jobs of this type, and where it is told. */
type Hook = { url: string; type: string };

const off = { metricsPort: 'off', httpAuth: 'off' } as const;
const endpoint = (url: string) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url });

export async function cost(options: CostOptions): Promise<CostResult> {
  const receiver = await Receiver.open();
  const variants: Readonly<Record<string, Variant>> = {
    nothing: { flags: off },
    metrics: { flags: { httpAuth: 'off' }, isScraped: true },
    traces: { flags: off, env: endpoint(receiver.url) },
    'every job traced': {
      flags: off,
      env: { ...endpoint(receiver.url), OTEL_TRACES_SAMPLER: 'parentbased_always_on' },
    },
    'webhook of others': { flags: off, webhook: { url: receiver.url, type: 'other' } },
    'webhook of each': { flags: off, webhook: { url: receiver.url, type: 'bench' } },
  };
  const names = Object.keys(variants);
  const rates: Figures = Object.fromEntries(names.map((name) => [name, []]));
  const cpu: Figures = Object.fromEntries(names.map((name) => [name, []]));
  const spans: Record<string, number> = {};
  for (let round = 0; round < options.rounds; round++)
    for (const name of [...names.slice(round % names.length), ...names.slice(0, round % names.length)]) {
      const before = receiver.spans;
      const { rate, microseconds } = await once({ ...options, ...variants[name] });
      rates[name]?.push(rate);
      cpu[name]?.push(microseconds);
      spans[name] = (spans[name] ?? 0) + receiver.spans - before;
      process.stderr.write(
        `round ${round + 1}, ${name}: ${Math.round(rate)} jobs/s, ${Math.round(microseconds)} µs of CPU a job\n`,
      );
    }
  await receiver.close();
  const all = (figures: Figures, digits: number) =>
    Object.fromEntries(names.map((name) => [name, each(spread(figures[name] ?? []), digits)]));
  const against = (figures: Figures): Figures =>
    Object.fromEntries(
      names.map((name) => [
        name,
        (figures[name] ?? []).map((one, at) => one / (figures['nothing']?.[at] ?? Number.NaN)),
      ]),
    );
  return {
    ...options,
    jobsPerSecond: all(rates, 0),
    cpuMicroseconds: all(cpu, 0),
    rateRatio: all(against(rates), 3),
    cpuRatio: all(against(cpu), 3),
    spansReceived: spans,
  };
}

async function once({ jobs, isScraped, webhook, ...options }: CostOptions & Variant) {
  await using stage = await setStage(options);
  if (webhook !== undefined) await addWebhook(stage, webhook);
  await measureOnce(stage, { from: 0, jobs: Math.min(jobs, 5_000) });
  const stop = isScraped === true ? await scrape(stage) : () => {};
  const pids = stage.cluster.members.flatMap(({ pid }) => pid ?? []);
  const before = await ticksOf(pids);
  const { jobsPerSecond: rate } = await measureOnce(stage, { from: 1_000_000, jobs });
  const microseconds = (((await ticksOf(pids)) - before) / ticksPerSecond / jobs) * 1e6;
  stop();
  return { rate, microseconds };
}

/** Whoever tells it is a worker of its own, there for both kinds alike. */
async function addWebhook({ cluster }: Stage, { url, type }: Hook): Promise<void> {
  await cluster.add('worker', { types: ['webhook'], webhookPrivate: true });
  await using yard = await connect({ servers: cluster.url });
  await yard.webhooks.add({ url, types: [type] });
}

const targets = z.array(z.object({ targets: z.array(z.string()) }));

/** Fetches the metrics of all processes each second, as Prometheus would. */
async function scrape({ cluster, clock }: Stage): Promise<() => void> {
  const found = await fetch(`${cluster.httpUrls[0]}/v1/prometheus/targets`);
  const hosts = targets.parse(await found.json()).flatMap(({ targets: of }) => of);
  if (hosts.length === 0) throw new RangeError('Expected processes that serve metrics, found none.');
  return clock.every(1_000, () => {
    for (const host of hosts)
      void fetch(`http://${host}/metrics`).then(
        (answer) => answer.text(),
        () => undefined,
      );
  });
}

/** Takes traces, and counts their spans. */
class Receiver {
  readonly #server: Server;
  spans = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static open(): Promise<Receiver> {
    return new Promise((resolve) => {
      const receiver: Receiver = new Receiver(
        createServer((request, response) => {
          void text(request).then((body) => {
            receiver.spans += body.split('"spanId"').length - 1;
            response.end('{}');
          });
        }).listen(0, '127.0.0.1', () => resolve(receiver)),
      );
    });
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('Expected a port.');
    return `http://127.0.0.1:${address.port}`;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

function each({ median, min, max }: Spread, digits: number): Spread {
  return { median: rounded(median, digits), min: rounded(min, digits), max: rounded(max, digits) };
}
