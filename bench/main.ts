/**
 * `npm run bench -- burst|cost|latency|idle|failover|brokerloss|coldstart|decide|view|console [--json]`: real processes, a warm-up, several runs, medians and ranges.
 *
 * Numbers belong to the machine and the hour in which they were taken: compare what one run printed, and nothing else.
 */

import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { brokerLoss } from './broker-loss.ts';
import { burst } from './burst.ts';
import { coldStart } from './coldstart.ts';
import { consoleBench } from './console.ts';
import { cost } from './cost.ts';
import { decide } from './decide.ts';
import { failover } from './failover.ts';
import { idle } from './idle.ts';
import { latency } from './latency.ts';
import { view } from './view.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    jobs: { type: 'string' },
    workers: { type: 'string' },
    concurrency: { type: 'string', default: '12' },
    runs: { type: 'string' },
    open: { type: 'string', default: '100000' },
    settled: { type: 'string', default: '1000000' },
    rounds: { type: 'string' },
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '30' },
    waiting: { type: 'string', default: '1000,10000,100000,1000000' },
  },
});

const benchmarks: Readonly<Record<string, () => Promise<object>>> = {
  burst: () =>
    burst({
      jobs: whole('jobs', values.jobs ?? '50000'),
      workers: whole('workers', values.workers ?? '3'),
      concurrency: whole('concurrency', values.concurrency),
      runs: whole('runs', values.runs ?? '5'),
    }),
  latency: () => latency({ jobs: whole('jobs', values.jobs ?? '500'), runs: whole('runs', values.runs ?? '5') }),
  failover: () => failover({ rounds: whole('rounds', values.rounds ?? '10') }),
  brokerloss: () => brokerLoss({ rounds: whole('rounds', values.rounds ?? '10') }),
  coldstart: () =>
    coldStart({
      open: whole('open', values.open),
      settled: whole('settled', values.settled),
      runs: whole('runs', values.runs ?? '5'),
    }),
  decide: () =>
    decide({
      waiting: values.waiting.split(',').map((count) => whole('waiting', count)),
      workers: whole('workers', values.workers ?? '1000'),
      rounds: whole('rounds', values.rounds ?? '200'),
    }),
  cost: () =>
    cost({
      jobs: whole('jobs', values.jobs ?? '20000'),
      workers: whole('workers', values.workers ?? '3'),
      concurrency: whole('concurrency', values.concurrency),
      rounds: whole('rounds', values.rounds ?? '5'),
    }),
  idle: () => idle({ runs: whole('runs', values.runs ?? '5') }),
  console: () =>
    consoleBench({
      jobs: whole('jobs', values.jobs ?? '10000'),
      rate: whole('rate', values.rate),
      seconds: whole('seconds', values.seconds),
      runs: whole('runs', values.runs ?? '10'),
    }),
  view: async () => view({ jobs: whole('jobs', values.jobs ?? '1000000') }),
};

function whole(name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new RangeError(`Expected \`--${name}\` to be a whole number from 1 up, got ${text}.`);
}

const benchmark = benchmarks[positionals[0] ?? ''];
if (benchmark === undefined) {
  process.stderr.write(
    `Expected one of ${Object.keys(benchmarks).join(', ')}, got ${positionals[0] ?? 'nothing'}. Write, for example, \`npm run bench -- burst --jobs 50000\`.\n`,
  );
  process.exitCode = 2;
} else {
  const result = await benchmark();
  const machine = { cores: availableParallelism(), cpu: cpus()[0]?.model, node: process.version };
  process.stdout.write(
    values.json ? `${JSON.stringify({ ...result, machine })}\n` : readable({ ...result, ...machine }),
  );
}

function readable(result: object): string {
  return Object.entries(result)
    .map(([name, value]) => `${name.padEnd(19)}${typeof value === 'object' ? partsOf(value) : String(value)}\n`)
    .join('');
}

/** What is within a part stands in brackets. */
function partsOf(value: object | null): string {
  return Object.entries(value ?? {})
    .map(([part, of]) => `${part} ${typeof of === 'object' ? `[${partsOf(of)}]` : String(of)}`)
    .join('  ');
}
