/**
 * Every option there is: what it is called, what it may be, what it is when nobody says, and who cares.
 *
 * The types of resolved options, the flags of the command, the environment names, `--help` and `docs/options.md`
 * all come from this one table. The flag of `schedulerInterval` is `--scheduler-interval`, its environment name
 * `YARD_SCHEDULER_INTERVAL`, its name in `yardmaster.json` `schedulerInterval`, unless the row says otherwise.
 */

import { defaultQueues } from '../../machines/rules/lanes.ts';
import { typePattern } from '../handler.ts';
import {
  amount,
  choice,
  count,
  duration,
  either,
  type Kind,
  list,
  oddCount,
  pairs,
  port,
  text,
  toggle,
} from './kind.ts';

/** Whoever takes options: a process that keeps running, or any command that only asks (`client`). */
export const scopes = ['up', 'master', 'worker', 'broker', 'client'] as const;
export type Scope = (typeof scopes)[number];

/** The headings of the page, in its order. */
export const groups = [
  'Process',
  'Connection',
  'Cluster',
  'Master',
  'Worker',
  'Transcode and script',
  'Broker',
] as const;
export type Group = (typeof groups)[number];

interface Row {
  readonly group: Group;
  /** One sentence for `--help` and the page. */
  readonly help: string;
  readonly scopes: readonly Scope[];
  /** Environment names, the first one that is set wins; by default `YARD_` and the name. */
  readonly env?: readonly [string, ...string[]];
  /** Never shown, in no place. */
  readonly secret?: true;
}

/** One option. `default` is `undefined` where its absence means something, which `unset` says. */
export interface Option<Value> extends Row {
  /** What stands for the value in `--help`. */
  readonly placeholder: string;
  /** Completes the sentence "Expected `x` to be …". */
  readonly expected: string;
  readonly default: Value;
  readonly unset: string;
  /** The value that `raw` stands for, or `undefined` where it is refused. */
  read(raw: unknown): Value | undefined;
  /** The value as a person would write it; empty where there is none. */
  show(value: Value): string;
}

function given<Value>(kind: Kind<Value>, standard: NoInfer<Value>, row: Row): Option<Value> {
  const { read, show, expected } = kind;
  return { ...row, placeholder: kind.name, expected, read, show, default: standard, unset: '' };
}

function optional<Value>(kind: Kind<Value>, unset: string, row: Row): Option<Value | undefined> {
  const show = (value: Value | undefined) => (value === undefined ? '' : kind.show(value));
  return { ...row, placeholder: kind.name, expected: kind.expected, read: kind.read, show, default: undefined, unset };
}

const everyone = scopes;
const nodes: readonly Scope[] = ['up', 'master', 'worker', 'broker'];
const masters: readonly Scope[] = ['up', 'master'];
const workers: readonly Scope[] = ['up', 'worker'];
const brokers: readonly Scope[] = ['up', 'broker'];

const anyone = { group: 'Process' } as const;
const connection = { group: 'Connection', scopes: everyone } as const;
const cluster = { group: 'Cluster', scopes: ['up', 'master', 'worker'] } as const;
const master = { group: 'Master', scopes: masters } as const;
const worker = { group: 'Worker', scopes: workers } as const;
const trade = { group: 'Transcode and script', scopes: workers } as const;
const broker = { group: 'Broker', scopes: brokers } as const;

const path = text('path', { expected: 'a path' });

const table = {
  config: optional(text('file', { expected: 'a path' }), '`yardmaster.json`, where the working directory has one', {
    ...anyone,
    scopes: everyone,
    help: 'A JSON file of options.',
  }),
  data: given(path, '.yard', {
    ...anyone,
    scopes: everyone,
    help: 'Directory for what a node keeps: the embedded broker and its data, process ids, fetched programs.',
  }),
  name: optional(
    text('name', { pattern: /^[^\p{C}]{1,100}$/u, expected: 'up to 100 characters in one line' }),
    'the host name',
    {
      ...anyone,
      scopes: nodes,
      help: 'What people call this process.',
    },
  ),
  logLevel: given(choice('trace', 'debug', 'info', 'warn', 'error', 'silent'), 'info', {
    ...anyone,
    scopes: everyone,
    help: 'The least important log line that is written; with `trace`, those of single jobs too, however many there are.',
  }),

  nats: given(
    list('url', {
      of: 'broker addresses, such as `nats://10.0.0.1:4222`',
      pattern: /^(?:(?:nats|tls|ws|wss):\/\/)?[^\s/]+$/,
    }),
    [],
    {
      ...connection,
      env: ['YARD_NATS', 'NATS_URL'],
      help: 'Addresses of the brokers; none means the embedded one.',
    },
  ),
  context: optional(text('name'), 'no context', {
    ...connection,
    env: ['YARD_CONTEXT', 'NATS_CONTEXT'],
    help: 'A context of `yard context`, or of the `nats` command, that says where the broker is and how to sign in.',
  }),
  creds: optional(path, 'no credentials file', {
    ...connection,
    env: ['YARD_CREDS', 'NATS_CREDS'],
    help: 'A `.creds` file to sign in with.',
  }),
  nkey: optional(path, 'no nkey', {
    ...connection,
    env: ['YARD_NKEY', 'NATS_NKEY'],
    help: 'A file with the nkey seed to sign in with.',
  }),
  user: optional(text('name'), 'no user', {
    ...connection,
    env: ['YARD_USER', 'NATS_USER'],
    help: 'The user to sign in as.',
  }),
  password: optional(text('password'), 'no password', {
    ...connection,
    env: ['YARD_PASSWORD', 'NATS_PASSWORD'],
    secret: true,
    help: 'The password to sign in with. Rather set it in the environment: flags can be seen by other users.',
  }),
  token: optional(text('token'), 'no token', {
    ...connection,
    env: ['YARD_TOKEN', 'NATS_TOKEN'],
    secret: true,
    help: 'The token to sign in with. Rather set it in the environment: flags can be seen by other users.',
  }),
  inboxPrefix: optional(
    text('prefix', {
      pattern: /^[\w-]+(?:\.[\w-]+)*$/,
      expected: 'words with dots in between, such as `_INBOX_worker`',
    }),
    '`_INBOX`',
    {
      ...connection,
      env: ['YARD_INBOX_PREFIX', 'NATS_INBOX_PREFIX'],
      help: 'Where answers of the broker are heard, for a user that may hear only there (`yard auth nats`).',
    },
  ),
  tlsCa: optional(path, 'the authorities that the system trusts', {
    ...connection,
    env: ['YARD_TLS_CA', 'NATS_CA'],
    help: 'A file with the authorities that may vouch for the broker.',
  }),
  tlsCert: optional(path, 'no certificate', {
    ...connection,
    env: ['YARD_TLS_CERT', 'NATS_CERT'],
    help: 'A certificate to show to the broker.',
  }),
  tlsKey: optional(path, 'no key', {
    ...connection,
    env: ['YARD_TLS_KEY', 'NATS_KEY'],
    help: 'The key of that certificate.',
  }),

  tenant: given(
    text('name', {
      pattern: /^[A-Za-z0-9-][A-Za-z0-9_-]{0,63}$/,
      expected: '1 to 64 letters, digits, `_` and `-`, the first one no `_`',
    }),
    'default',
    {
      group: 'Cluster',
      scopes: ['client'],
      help: 'Whose jobs it is about: what is submitted is theirs, and no others are seen by id or in lists.',
    },
  ),

  prefix: given(
    text('name', {
      pattern: /^[a-z][a-z0-9_]{0,30}$/,
      expected: 'a lower-case letter, then at most 30 lower-case letters, digits and `_`',
    }),
    'yard',
    {
      group: 'Cluster',
      scopes: everyone,
      help: 'Begins the name of every stream, bucket and subject, so that clusters can share a broker.',
    },
  ),
  durability: optional(choice('fast', 'replicated', 'fsync'), '`replicated` on a cluster of 3 brokers, else `fast`', {
    ...cluster,
    help: 'What an acknowledged submission survives; a mode that the broker cannot give is refused.',
  }),
  natsMonitoring: given(
    list('url', { of: 'addresses of monitoring, such as `http://10.0.0.1:8222`', pattern: /^https?:\/\/[^\s]+$/ }),
    [],
    {
      ...cluster,
      scopes: masters,
      help: 'Where the monitoring of each broker answers: only there `--durability fsync` can be seen, and is refused where it cannot.',
    },
  ),
  queues: given(list('queue', { of: 'queue names', pattern: /^[a-z][a-z0-9_-]{0,31}$/ }), defaultQueues, {
    ...cluster,
    help: 'Queues in the order in which they are served; any other queue comes after them.',
  }),
  maxAttempts: given(count({ from: 1, to: 1_000 }), 4, {
    ...worker,
    help: 'Attempts of jobs of the types that this worker serves, where neither job nor type says.',
  }),
  staleAfter: given(duration({ fromMs: 1_000 }), 1_800_000, {
    ...worker,
    help: 'An attempt without progress, log or other sign of life for so long is given up; for the types that this worker serves, where neither job nor type says.',
  }),
  cancelGrace: given(duration({ fromMs: 0 }), 10_000, {
    ...cluster,
    help: 'How long a handler may take to stop before it is abandoned and its slot freed.',
  }),
  lostAfter: given(duration({ fromMs: 1_000 }), 4_000, {
    ...cluster,
    help: 'A worker without a pulse for so long is lost, and its jobs are taken back.',
  }),

  schedulerInterval: given(duration({ fromMs: 50 }), 5_000, {
    ...master,
    help: 'How often all waiting jobs are gone through; dispatch itself does not wait for it.',
  }),
  leaderSilence: given(duration({ fromMs: 300 }), 700, {
    ...master,
    help: 'A leader whose lease does not move for so long is replaced.',
  }),
  offerFor: given(duration({ fromMs: 100 }), 5_000, {
    ...master,
    help: 'How long a worker may take to claim a job that was offered to it.',
  }),
  retention: given(duration({ fromMs: 600_000 }), 2_592_000_000, {
    ...master,
    scopes: ['up', 'master', 'worker'],
    help: 'How long the record of a settled job is kept.',
  }),
  retentionCompleted: optional(duration({ fromMs: 600_000 }), 'what `retention` says', {
    ...master,
    scopes: ['up', 'master', 'worker'],
    help: 'How long that of a completed job is kept.',
  }),
  retentionCancelled: optional(duration({ fromMs: 600_000 }), 'what `retention` says', {
    ...master,
    scopes: ['up', 'master', 'worker'],
    help: 'How long that of a cancelled job is kept.',
  }),
  retentionFailed: optional(duration({ fromMs: 600_000 }), 'what `retention` says', {
    ...master,
    scopes: ['up', 'master', 'worker'],
    help: 'How long that of a failed job is kept.',
  }),
  retentionCount: given(count({ from: 1 }), 1_000_000, {
    ...master,
    help: 'How many records of settled jobs are kept; the oldest go first, though none within 10 minutes.',
  }),
  logRetention: optional(duration({ fromMs: 600_000 }), 'what the stream of logs has; 7 days where it is made', {
    ...master,
    help: 'How long lines of logs are kept.',
  }),
  logSpace: optional(count({ from: 1 }), 'what the stream of logs has; 1024 where it is made', {
    ...master,
    help: 'Mebibytes that all logs together may take; the oldest lines go first.',
  }),
  lookAhead: given(either(count({ from: 0, to: 10_000 }), choice('auto'), 'count|auto'), 'auto', {
    ...master,
    help: 'Jobs offered to a worker beyond its free slots; `auto` is 0 until a type is known to be short, and 0 behind jobs that may run for long.',
  }),
  gpuSpillOver: given(toggle, true, {
    ...master,
    help: 'Whether a worker with a GPU takes jobs that need none when no other worker has room.',
  }),

  concurrency: given(count({ from: 1 }), 12, {
    ...worker,
    help: 'Slots of a worker: jobs of one slot that it runs at the same time.',
  }),
  types: given(list('type', { of: 'job types', pattern: typePattern }), [], {
    ...worker,
    help: 'Job types that a worker takes; none means all that it has handlers for.',
  }),
  handlers: optional(path, 'only the types that ship', {
    ...worker,
    help: 'A module that exports job types made by `defineJob`.',
  }),
  advertise: optional(text('capacity'), 'what the worker measures', {
    ...worker,
    help: 'Capacity that is declared and not measured, such as `gpu=1,vram=16000,encoder=h264_nvenc`.',
  }),
  labels: given(
    pairs,
    {},
    {
      ...worker,
      help: 'Labels of a worker, for jobs that ask for them.',
    },
  ),
  pulse: given(duration({ fromMs: 100 }), 1_000, {
    ...worker,
    help: 'How often a worker gives a sign of life.',
  }),
  drainDeadline: given(duration({ fromMs: 0 }), 30_000, {
    ...worker,
    help: 'How long a worker that is stopped waits for its jobs before it hands them back.',
  }),

  inputRoots: given(list('path', { of: 'directories' }), ['.'], {
    ...trade,
    help: 'Directories from which transcode may read.',
  }),
  outputRoot: given(path, '.', {
    ...trade,
    help: 'The directory into which transcode may write.',
  }),
  protocols: given(
    list('protocol', { of: 'protocols (file, http, https)', pattern: /^(file|https?)$/ }),
    ['file', 'http', 'https'],
    {
      ...trade,
      help: 'Protocols by which transcode may read its input.',
    },
  ),
  ffmpeg: optional(path, 'the one on PATH, else the one that came with the package', {
    ...trade,
    help: 'The ffmpeg program to use.',
  }),
  wattsPerCore: given(amount({ name: 'watts', from: 0 }), 8, {
    ...trade,
    help: 'Power that a busy core is taken to draw, where energy can only be estimated.',
  }),
  scriptAllow: given(list('command', { of: 'commands' }), [], {
    ...trade,
    help: 'Commands that script may run; none means that this worker runs no scripts.',
  }),

  webhookPrivate: given(toggle, false, {
    ...worker,
    help: 'Whether webhooks may be told of at addresses in private networks, this machine among them.',
  }),

  natsServer: optional(path, 'one that is on PATH or came with the package', {
    ...broker,
    help: 'The nats-server program of the embedded broker, 2.12 or newer.',
  }),
  port: given(port, 4_222, {
    ...broker,
    env: ['YARD_BROKER_PORT'],
    help: 'Port of the embedded broker, on loopback.',
  }),
  mqttPort: given(port, 1_883, { ...broker, help: 'MQTT port of the embedded broker, on loopback.' }),
  monitorPort: given(port, 8_222, { ...broker, help: 'Monitoring port of the embedded broker, on loopback.' }),
  httpPort: given(either(port, choice('off'), 'port|free|off'), 8_080, {
    ...cluster,
    scopes: ['master', 'up'],
    help: 'Port of the HTTP API, on loopback. Where nobody names one, the next free port from 8080 up; further masters of `yard up` get the ports behind a named one.',
  }),
  httpHost: given(
    text('address', { pattern: /^[\w.:-]{1,253}$/, expected: 'an address of this machine, such as `0.0.0.0`' }),
    '127.0.0.1',
    {
      ...cluster,
      scopes: ['master', 'up'],
      help: 'Address on which the HTTP API is served; beyond loopback it asks for tokens.',
    },
  ),
  httpAuth: optional(choice('off', 'token'), '`off` for a `yard up` on loopback, else `token`', {
    ...cluster,
    scopes: ['master', 'up'],
    help: 'Whether the HTTP API asks for tokens (`yard token`).',
  }),
  httpRate: given(amount({ name: 'requests', from: 0 }), 1_000, {
    ...cluster,
    scopes: ['master', 'up'],
    help: 'Requests that each token (each address where there are none) may make a second at one master, on average; 0: no limit.',
  }),
  httpCompat: given(toggle, false, {
    ...cluster,
    scopes: ['master', 'up'],
    help: 'Whether the routes of other schedulers (`/jobs`, `/tasks`, `/stats`, …) are served too (docs/api.md), with the names of `metrics-compat`.',
  }),
  natsApi: optional(choice('off', 'open', 'token'), '`open` where `http-auth` is `off`, else `token`', {
    ...cluster,
    scopes: ['master', 'up'],
    help: 'Whether masters answer at `yard.api.…` over the broker, and ask for tokens there.',
  }),
  metricsPort: optional(
    either(port, choice('off'), 'port|free|off'),
    '2112 for a master, 2113 for a worker, or the next one that is free',
    {
      ...cluster,
      scopes: ['master', 'worker', 'up'],
      help: 'Port at which a master or worker serves its metrics (`/metrics`); those of `yard up` look for free ones.',
    },
  ),
  metricsHost: given(
    text('address', { pattern: /^[\w.:-]{1,253}$/, expected: 'an address of this machine, such as `0.0.0.0`' }),
    '127.0.0.1',
    {
      ...cluster,
      scopes: ['master', 'worker', 'up'],
      help: 'Address on which metrics are served. They name workers, queues and types, and no jobs.',
    },
  ),
  traceRate: given(count({ from: 0, to: 1_000_000 }), 20, {
    ...anyone,
    scopes: everyone,
    help: 'Traces that a process begins a second, at most, where `OTEL_EXPORTER_OTLP_ENDPOINT` says where they go (docs/traces.md).',
  }),
  metricsCompat: given(toggle, false, {
    ...cluster,
    scopes: ['master', 'worker', 'up'],
    help: 'Whether metrics are served under the names of other schedulers, too (docs/observability.md).',
  }),
  brokers: given(oddCount({ to: 5 }), 1, {
    ...cluster,
    scopes: ['up'],
    help: 'Broker processes that `yard up` starts; 3 or 5 are a cluster that bears the loss of one, or of two.',
  }),
  masters: given(count({ from: 0, to: 64 }), 1, {
    ...cluster,
    scopes: ['up'],
    help: 'Master processes that `yard up` starts.',
  }),
  workers: given(count({ from: 0, to: 1_000 }), 2, {
    ...cluster,
    scopes: ['up'],
    help: 'Worker processes that `yard up` starts.',
  }),
};

export type OptionName = keyof typeof table;

/** What each option is once it is resolved. */
export type OptionValues = { readonly [Name in OptionName]: (typeof table)[Name]['default'] };

/** The table, seen so that a name and its value stay together. */
export const options: { readonly [Name in OptionName]: Option<OptionValues[Name]> } = table;

export function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(table, name);
}

export const optionNames: readonly OptionName[] = Object.keys(table).filter(isOptionName);

/** `--scheduler-interval`. */
export function flagOf(name: OptionName): string {
  return `--${hyphened(name)}`;
}

/** The environment names of an option, the one that wins first. */
export function envOf(name: OptionName): readonly string[] {
  return options[name].env ?? [`YARD_${hyphened(name).replaceAll('-', '_').toUpperCase()}`];
}

function hyphened(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
