/**
 * `yard master`: a master in this process until it is told to stop; `list`: which there are; `terms`: who has led;
 * `step-down`: another one shall lead.
 */

import type { Command } from 'commander';
import type { RunningMaster } from '../../cluster/master.ts';
import { type Options, ownFlags } from '../../cluster/settings.ts';
import type { MasterView, TermRecord, Yard } from '../../sdk/index.ts';
import type { CompatOptions } from '../http/compat/routes.ts';
import type { Listening } from '../http/listen.ts';
import { isJson, listed, told } from './answer.ts';
import type { Column } from './columns.ts';
import { addFlags, type CommandContext } from './command.ts';
import { exitCodes, UsageError } from './exit.ts';
import { interruptSignal } from './interrupt.ts';
import { serve } from './serve.ts';
import { watchable } from './watchable.ts';
import { relative, signed, span } from './words.ts';

const stopsWithinMs = 8_000;
const leadsWithinMs = 10_000;

export function register(program: Command, context: CommandContext): void {
  const master = program
    .command('master')
    .summary('Runs a master in this process, lists all, or has another one lead.')
    .description('Runs a master in this process. Of several, one leads and the others stand by.')
    .allowExcessArguments()
    .action(() => runMaster(master, context));
  addFlags(master, ownFlags('master'));
  watchable(master.command('list').description('Lists the masters, as each sees itself.'), context, list);
  const past = 'Lists who has led of late, the newest first, and why each term ended.';
  watchable(master.command('terms').description(past), context, listTerms);
  master
    .command('step-down')
    .description('Asks the leader to give its lease up; the next one leads at once. Exits with 5 where nobody leads.')
    .action((_, command: Command) => stepDown(command, context));
}

/** The first interrupt gives the lease back and stops; the second one ends the process as it is. */
async function runMaster(command: Command, context: CommandContext): Promise<void> {
  const [word] = command.args;
  if (word !== undefined)
    throw new UsageError(
      `Expected \`yard master\` alone, or with \`list\`, \`terms\` or \`step-down\`, got \`yard master ${word}\`. See \`yard master --help\`.`,
    );
  const [{ locate }, { loggedTelemetry, tracedAs }, { measured }, { startMaster }, { serveMetrics }] =
    await Promise.all([
      import('../../cluster/locate.ts'),
      import('../../cluster/process-log.ts'),
      import('../../cluster/measure.ts'),
      import('../../cluster/master.ts'),
      import('../metrics.ts'),
    ]);
  const options = await locate(context.settings(command, 'master'), context.directory);
  const telemetry = loggedTelemetry({ options, role: 'master' });
  await using _ = await tracedAs('master', { options, env: context.env, telemetry });
  const start = async () => {
    let running: RunningMaster | undefined;
    const what = { role: 'master', telemetry, samples: () => running?.samples() ?? [] } as const;
    const meter = options.httpCompat ? measured(what, true) : undefined;
    const compat = meter && { metrics: () => meter.text() };
    const http = await startHttp(options, compat, (cause) =>
      telemetry.tell('process.failed', { what: 'HTTP', error: String(cause) }),
    );
    const close = async () => void (await Promise.all([http?.close(), metrics?.close()]));
    const metrics = await serveMetrics(options, what, meter);
    running = await startMaster({ options, telemetry, http: http?.url, metrics: metrics?.url }).catch(async (cause) => {
      await close();
      throw cause;
    });
    const service = await startService(options, running, (cause) =>
      telemetry.tell('process.failed', { what: 'the service over NATS', error: String(cause) }),
    );
    return async () => {
      await close();
      await service?.[Symbol.asyncDispose]();
      await running.stop();
    };
  };
  const astray = (what: string, error: string) => telemetry.tell('process.failed', { what, error });
  await serve({ start, patience: 1, withinMs: stopsWithinMs, astray }, context.terminal);
}

/** The HTTP API in this process, unless it is off. */
async function startHttp(
  options: Options,
  compat: CompatOptions | undefined,
  onError: (cause: unknown) => void,
): Promise<Listening | undefined> {
  const { httpPort: port, httpHost: host, httpAuth: auth = 'token', httpRate: ratePerSecond, origins } = options;
  if (port === 'off') return undefined;
  const [{ serveHttp }, { version }] = await Promise.all([
    import('../http/serve.ts'),
    import('../../cluster/version.ts'),
  ]);
  return await serveHttp({
    open: () => openYard(options),
    version,
    host,
    auth,
    ratePerSecond,
    compat,
    port,
    isNamed: origins.httpPort !== 'default',
    onError,
  });
}

/** The same over the broker, unless it is off. */
async function startService(options: Options, master: RunningMaster, onError: (cause: unknown) => void) {
  const { httpAuth = 'token', httpRate: ratePerSecond, natsApi = httpAuth === 'off' ? 'open' : 'token' } = options;
  if (natsApi === 'off') return undefined;
  const [{ serveOverNats }, { version }] = await Promise.all([
    import('../service/serve.ts'),
    import('../../cluster/version.ts'),
  ]);
  const open = () => openYard(options);
  return await serveOverNats(master, { open, auth: natsApi, ratePerSecond, version, onError });
}

async function openYard(options: Options): Promise<Yard> {
  const [{ Client }, { Yard: Face }] = await Promise.all([
    import('../../cluster/client.ts'),
    import('../../sdk/index.ts'),
  ]);
  return new Face(await Client.open({ options, role: 'yard http' }));
}

async function list(command: Command, context: CommandContext): Promise<void> {
  const { masters, now } = await context.withYard(command, async (yard) => ({
    masters: await yard.masters(),
    now: yard.now(),
  }));
  listed(context, masters, { shape: shape(now), none: 'No masters. Start one with `yard master`.' });
}

function shape(now: number): readonly Column<MasterView>[] {
  return [
    { title: 'NAME', value: ({ name }) => name },
    {
      title: 'STATUS',
      value: ({ leads }) => (leads ? 'leads' : 'stands by'),
      style: ({ leads }) => (leads ? 'green' : 'reset'),
    },
    { title: 'STATE', value: ({ state }) => state ?? '-' },
    { title: 'TERM', value: ({ term }) => String(term ?? '-'), align: 'right' },
    { title: 'FEED LAG', value: ({ behindMs }) => `${behindMs}ms`, align: 'right' },
    { title: 'CLOCK', value: ({ clock }) => `${signed(clock.skewMs)}ms ±${clock.uncertaintyMs}`, align: 'right' },
    { title: 'HTTP', value: ({ http }) => http ?? '-' },
    { title: 'HOST', value: ({ host }) => host },
    { title: 'PID', value: ({ pid }) => String(pid), align: 'right' },
    { title: 'VERSION', value: ({ version }) => version },
    { title: 'STARTED', value: ({ startedAt }) => relative(startedAt, now) },
  ];
}

async function listTerms(command: Command, context: CommandContext): Promise<void> {
  const { terms, now } = await context.withYard(command, async (yard) => ({
    terms: await yard.terms(),
    now: yard.now(),
  }));
  listed(context, terms, { shape: termShape(now), none: 'Nobody has led yet. Start a master with `yard master`.' });
}

function termShape(now: number): readonly Column<TermRecord>[] {
  return [
    { title: 'TERM', value: ({ term }) => String(term), align: 'right' },
    {
      title: 'LEADER',
      value: ({ name }) => name,
      style: ({ ended }) => (ended === undefined ? 'green' : 'reset'),
    },
    { title: 'ELECTED', value: ({ since }) => relative(since, now) },
    { title: 'LED FOR', value: ({ since, ended }) => span((ended?.at ?? now) - since), align: 'right' },
    { title: 'ENDED', value: ({ ended }) => ended?.reason ?? '-' },
  ];
}

async function stepDown(command: Command, context: CommandContext): Promise<void> {
  const { terminal } = context;
  const changed = await context.withYard(command, async (yard) => {
    const from = await yard.stepDown();
    return { from, to: await leaderAfter(yard, from.term) };
  });
  const { from, to } = changed;
  const text = to === undefined ? '' : `${from.name} stepped down; ${to.name} leads, term ${to.term}`;
  if (to !== undefined || isJson(context.output))
    told(context, { from, to: to ?? null }, { name: to?.name ?? from.name, text: () => text });
  if (to !== undefined) return;
  terminal.say(`${from.name} stepped down, and nobody leads yet. See \`yard master list\`.`);
  context.exitWith(exitCodes.unreachable);
}

/** Who leads after this term; `undefined` where nobody does for a while. */
async function leaderAfter(yard: Yard, term: number) {
  const { rest } = await import('../../cluster/pace.ts');
  const signal = interruptSignal();
  for (const until = yard.now() + leadsWithinMs; yard.now() < until && !signal.aborted; ) {
    const leader = (await yard.cluster())?.leader;
    if (leader !== undefined && leader.term > term) return leader;
    await rest(50, signal);
  }
  return undefined;
}
