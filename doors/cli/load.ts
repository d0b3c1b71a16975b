/**
 * `yard load`: many jobs of the simulated types in a chosen mix, and what became of them, read from their records.
 */

import { durationMs } from '../../cluster/settings.ts';
import type { Register } from './command.ts';
import { UsageError } from './exit.ts';
import type { Mix } from './load/mix.ts';

export const register: Register = (program, context) => {
  const load = program
    .command('load')
    .summary('Submits a mix of simulated jobs and tells how the cluster coped.')
    .description(
      'Submits jobs that succeed, fail at first, fail always, or sleep, waits until all are settled, and tells how long that took and how they fared. Workers must serve the types `noop`, `flaky`, `always_fail` and `sleeper`, as they do by themselves. The exit code is 1 where a job did not end as its type must.',
    )
    .option('-n, --jobs <count>', 'How many jobs.', '2000')
    .option('-w, --submitters <count>', 'How many submit at the same time.', '8')
    .option('--pct-noop <percent>', 'Of these, how many succeed at once; the rest where it is not given.')
    .option('--pct-flaky <percent>', 'How many fail their first attempts.', '0')
    .option('--pct-fail <percent>', 'How many fail every attempt.', '0')
    .option('--pct-sleep <percent>', 'How many take their time.', '0')
    .option('--sleep-ms <ms>', 'How long those sleep.', '1000')
    .option('--flaky-attempts <count>', 'How many attempts of the flaky ones fail.', '2')
    .option('--queue <name>', 'The queue that they are submitted to.')
    .option('--timeout-wait <duration>', 'Gives up after so long, with exit code 6.');
  load.action(async (flags: Flags) => {
    const mix = mixOf(flags);
    const { runLoad } = await import('./load/run.ts');
    await context.withYard(load, (yard) => runLoad({ yard, mix, ...waitOf(flags), context }));
  });
};

interface Flags {
  jobs: string;
  submitters: string;
  pctNoop?: string;
  pctFlaky: string;
  pctFail: string;
  pctSleep: string;
  sleepMs: string;
  flakyAttempts: string;
  queue?: string;
  timeoutWait?: string;
}

function waitOf({ timeoutWait }: Flags): { timeoutMs?: number } {
  return timeoutWait === undefined ? {} : { timeoutMs: durationMs(timeoutWait, '--timeout-wait') };
}

/** @throws {UsageError} where a number is none, or shares do not add up to 100. */
function mixOf(flags: Flags): Mix {
  const shares = { flaky: share('pct-flaky', flags), fail: share('pct-fail', flags), sleep: share('pct-sleep', flags) };
  const others = shares.flaky + shares.fail + shares.sleep;
  const noop = flags.pctNoop === undefined ? 100 - others : number('pct-noop', flags.pctNoop, { to: 100 });
  if (noop < 0 || Math.abs(noop + others - 100) > 1e-9)
    throw new UsageError(
      `Expected the shares of --pct-noop, --pct-flaky, --pct-fail and --pct-sleep to add up to 100, got ${noop + others}. Leave --pct-noop out to fill the rest.`,
    );
  return {
    jobs: number('jobs', flags.jobs, { from: 1, to: 1_000_000, isWhole: true }),
    submitters: number('submitters', flags.submitters, { from: 1, to: 1_000, isWhole: true }),
    percent: { noop, ...shares },
    sleepMs: number('sleep-ms', flags.sleepMs, { to: 86_400_000, isWhole: true }),
    flakyAttempts: number('flaky-attempts', flags.flakyAttempts, { to: 3, isWhole: true }),
    ...(flags.queue === undefined ? {} : { queue: flags.queue }),
  };
}

function share(name: 'pct-flaky' | 'pct-fail' | 'pct-sleep', { pctFlaky, pctFail, pctSleep }: Flags): number {
  const texts = { 'pct-flaky': pctFlaky, 'pct-fail': pctFail, 'pct-sleep': pctSleep };
  return number(name, texts[name], { to: 100 });
}

function number(
  name: string,
  text: string,
  { from = 0, to, isWhole = false }: { from?: number; to: number; isWhole?: boolean },
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= from && value <= to && (!isWhole || Number.isInteger(value))) return value;
  throw new UsageError(
    `Expected --${name} to be ${isWhole ? 'a whole number' : 'a number'} from ${from} to ${to}, got \`${text}\`.`,
  );
}
