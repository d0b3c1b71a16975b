/**
 * `yard up` and `yard down`: a cluster on this machine, and its end.
 */

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Options, ownFlags } from '../../cluster/settings.ts';
import type { Cluster } from '../../cluster/up.ts';
import { isJson } from './answer.ts';
import { chatter } from './chatter.ts';
import { facts } from './columns.ts';
import { addFlags, type CommandContext, type Register } from './command.ts';
import { exitCodes } from './exit.ts';
import { onInsist } from './insist.ts';
import { Interrupted } from './interrupt.ts';
import type { Terminal } from './terminal.ts';

interface UpFlags {
  freePorts?: true;
  detach?: true;
  logFiles?: true;
}

interface DownFlags {
  now?: true;
  wait: string;
}

export const register: Register = (program, context) => {
  const up = program
    .command('up')
    .summary('Starts a cluster here.')
    .description(
      'Starts a cluster here: a broker or several, masters and workers, each a process of its own. What dies comes back. Ctrl-C stops all of it; once more, and workers hand back what they run.',
    )
    .option('--detach', 'Returns when it is ready, and leaves it running; `yard down` stops it.')
    .option('--free-ports', 'Lets the machine choose every port that is not named.')
    .option('--log-files', 'Keeps what each process says in DATA/logs/NAME.log instead of showing it.');
  addFlags(up, ownFlags('up'));
  up.action((flags: UpFlags) => startHere(up, flags, context));

  const down = program
    .command('down')
    .summary('Stops the cluster that runs here.')
    .description('Stops the cluster that `yard up` runs here; its workers finish what they run.')
    .option('--now', 'Lets workers hand back at once what they run: it runs again when the cluster does.')
    .option('--wait <duration>', 'How long it is waited for.', '90s');
  down.action((flags: DownFlags) => stopHere(down, flags, context));
};

async function startHere(command: Command, flags: UpFlags, context: CommandContext): Promise<void> {
  const options = await withFreePorts(context.settings(command, 'up'), flags);
  if (flags.detach === true) await startDetached(options, context);
  else await startInFront(options, flags, context);
}

async function withFreePorts(options: Options, { freePorts }: UpFlags): Promise<Options> {
  if (freePorts !== true) return options;
  const { saidOtherwise } = await import('../../cluster/command-line.ts');
  const open = (['port', 'mqttPort', 'monitorPort', 'httpPort', 'metricsPort'] as const).filter(
    (name) => options.origins[name] === 'default',
  );
  return saidOtherwise(options, Object.fromEntries(open.map((name) => [name, 'free'])));
}

async function startDetached(options: Options, context: CommandContext): Promise<void> {
  const { startDetached: start } = await import('../../cluster/detach.ts');
  const starting = new AbortController();
  const leave = onInsist(() => starting.abort());
  try {
    const {
      url,
      mqttUrl,
      monitoringUrl,
      httpUrls = [],
      httpAuth,
      prefix,
      pid,
      masters,
      workers,
      brokers = [],
    } = await start({
      options,
      signal: starting.signal,
    });
    const dataDir = resolve(context.directory, options.data);
    const counts = { brokers: brokers.length, masters: masters.length, workers: workers.length };
    tell(
      {
        url,
        mqttUrl,
        monitoringUrl,
        httpUrls,
        httpAuth,
        prefix,
        pid,
        dataDir,
        ...counts,
        stop: `yard down${dataFlag(options)}`,
      },
      options,
      context,
    );
  } catch (error) {
    throw starting.signal.aborted ? new Interrupted('Stopped before it was ready.') : error;
  } finally {
    leave();
  }
}

async function startInFront(options: Options, { logFiles }: UpFlags, context: CommandContext): Promise<void> {
  const { terminal } = context;
  const [{ startCluster }, { logWriter }] = await Promise.all([
    import('../../cluster/up.ts'),
    import('../../cluster/log-files.ts'),
  ]);
  const onLine = logFiles === true ? logWriter(resolve(options.data)) : chatter(terminal);
  await untilStopped(terminal, async (signal) => {
    const cluster = await startCluster({ options, signal, onLine, say: (sentence) => terminal.say(sentence) });
    tell(summaryOf(cluster), options, context);
    return cluster;
  });
}

/** Runs what `start` starts until a person has it stopped; each wish to stop after the first is more urgent. */
async function untilStopped(terminal: Terminal, start: (signal: AbortSignal) => Promise<Cluster>): Promise<void> {
  const starting = new AbortController();
  const stopped = Promise.withResolvers<void>();
  let cluster: Cluster | undefined;
  const leave = onInsist((count) => {
    if (count === 1) terminal.say('Stopping: workers finish what they run. Once more, and they hand it back now.');
    starting.abort();
    void cluster?.stop().then(stopped.resolve, stopped.reject);
  });
  try {
    cluster = await start(starting.signal);
    await stopped.promise;
  } catch (error) {
    throw starting.signal.aborted && cluster === undefined ? new Interrupted('Stopped before it was ready.') : error;
  } finally {
    leave();
  }
}

interface Summary {
  url: string;
  brokers: number;
  mqttUrl: string | undefined;
  monitoringUrl: string | undefined;
  httpUrls: readonly string[];
  httpAuth: 'off' | 'token' | undefined;
  prefix: string;
  pid: number;
  dataDir: string;
  masters: number;
  workers: number;
  stop: string;
}

function summaryOf({
  url,
  mqttUrl,
  monitoringUrl,
  httpUrls,
  httpAuth,
  prefix,
  dataDir,
  members,
  brokers,
}: Cluster): Summary {
  const masters = members.filter(({ role }) => role === 'master').length;
  const counts = { brokers, masters, workers: members.length - masters };
  return {
    url,
    mqttUrl,
    monitoringUrl,
    httpUrls,
    httpAuth,
    prefix,
    pid: process.pid,
    dataDir,
    ...counts,
    stop: 'Ctrl-C',
  };
}

const lockText = { off: 'this machine only, no token asked for', token: 'with a token: `yard token create`' };

function tell(summary: Summary, options: Options, { terminal, output }: CommandContext): void {
  if (isJson(output)) return terminal.print(JSON.stringify(summary));
  const { brokers, masters, workers, url, mqttUrl, monitoringUrl, httpUrls, httpAuth, prefix, dataDir, stop } = summary;
  const members = [counted(masters, 'master'), counted(workers, 'worker')];
  if (brokers > 1) members.unshift(counted(brokers, 'broker'));
  const title = `Yardmaster is up: ${members.join(', ')}.`;
  const server = url === 'nats://127.0.0.1:4222' ? '' : `-s ${url} `;
  const pairs: [string, string | undefined][] = [
    ['broker', brokers > 1 ? url : [url, mqttUrl].filter(Boolean).join('  ')],
    ['mqtt', brokers > 1 ? mqttUrl : undefined],
    ['http', httpUrls.length === 0 ? undefined : `${httpUrls.join('  ')}  (${lockText[httpAuth ?? 'token']})`],
    ['monitor', monitoringUrl],
    ['data', dataDir],
    [
      'submit',
      `nats ${server}pub ${prefix}.submit.transcode '{"input":"a.mov","output":"a.mp4"}' -H Queue:live -H Priority:high`,
    ],
    ['', `yard submit transcode '{"input":"a.mov","output":"a.mp4"}' --queue live --priority high${dataFlag(options)}`],
    ['look', `yard status${dataFlag(options)}`],
    ['stop', stop],
  ];
  terminal.print(`${terminal.style('bold', title)}\n\n${facts(pairs, terminal).replaceAll(/^/gm, '  ')}\n`);
}

/** What the other commands must be told to find this cluster. */
function dataFlag({ data, origins }: Options): string {
  return origins.data === 'default' ? '' : ` --data ${data}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

async function stopHere(command: Command, { now, wait }: DownFlags, context: CommandContext): Promise<void> {
  const { terminal, directory, output } = context;
  const [{ stopRunning }, { durationMs }] = await Promise.all([
    import('../../cluster/detach.ts'),
    import('../../cluster/settings.ts'),
  ]);
  const { data } = context.settings(command, 'client');
  const dataDir = resolve(directory, data);
  const stopped = await stopRunning({ dataDir, now: now === true, withinMs: durationMs(wait, 'wait') });
  if (stopped.kind === 'still there') context.exitWith(exitCodes.timedOut);
  if (isJson(output)) return terminal.print(JSON.stringify({ outcome: stopped.kind, data: dataDir }));
  if (stopped.kind === 'not running') return terminal.say(`No cluster runs in ${dataDir}.`);
  if (stopped.kind === 'stopped') return terminal.say(`Stopped the cluster in ${dataDir}.`);
  terminal.say(
    `The cluster in ${dataDir} still runs (process ${stopped.up.pid}) after ${wait}: its workers finish what they run. Wait longer, or hurry it with \`yard down --now\`.`,
  );
}
