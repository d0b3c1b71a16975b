/**
 * What each kind of user of a broker needs, as permissions of nats-server: allowed is what is named, and nothing else.
 *
 * The keys of jobs have two parts (`default.first-1`), all else in their bucket has one or three, and the subjects of a tenant have
 * the tenant in a place of its own: so a subject says what may be written and read, and the broker alone holds the lock. Nobody but
 * who keeps the cluster may make consumers: a consumer can be told to deliver to any subject, whatever its maker may say there.
 */

import { Fault } from '../runtime/faults.ts';
import type { Names } from './names.ts';

/** What a user of the broker is for. */
export const brokerRoles = [
  'master',
  'worker',
  'webhook-worker',
  'operator',
  'submitter',
  'viewer',
  'mqtt',
  'tenant',
] as const;
export type BrokerRole = (typeof brokerRoles)[number];

/** A user, and of a tenant whose. */
export interface BrokerUser {
  role: BrokerRole;
  user: string;
  tenant?: string | undefined;
}

/** Subjects that may be said and heard, as nats-server's configuration has them. */
export interface Permissions {
  publish: { allow: readonly string[]; deny?: readonly string[] };
  subscribe: { allow: readonly string[] };
  /** Whether requests may be answered, wherever the asker listens. */
  allow_responses?: true;
}

/** What of the service at `yard.api.…` may be asked by whom: the ends of subjects, such as `jobs.submit`. */
export interface ApiSubjects {
  read: readonly string[];
  submit: readonly string[];
}

const userPattern = /^[A-Za-z0-9_-]{1,64}$/;

/** Where a user hears answers, and nobody else does. @throws {Fault} `input.invalid` */
export function inboxPrefixOf(user: string): string {
  if (userPattern.test(user)) return `_INBOX_${user}`;
  throw new Fault('input.invalid', `Expected a user of 1 to 64 letters, digits, \`_\` and \`-\`, got \`${user}\`.`);
}

/** @throws {Fault} `input.invalid` where there can be no such user. */
export function permissionsOf(who: BrokerUser, names: Names, api: ApiSubjects): Permissions {
  const { publish, hear, deny, answers } = grantsOf(who, new Places(names), api);
  return {
    publish: { allow: publish, ...(deny === undefined ? {} : { deny }) },
    subscribe: { allow: [`${inboxPrefixOf(who.user)}.>`, ...hear] },
    ...(answers === true ? { allow_responses: true } : {}),
  };
}

interface Grants {
  publish: readonly string[];
  hear: readonly string[];
  deny?: readonly string[];
  answers?: true;
}

function grantsOf({ role, user, tenant }: BrokerUser, at: Places, api: ApiSubjects): Grants {
  switch (role) {
    case 'master':
      return master(at);
    case 'worker':
      return worker(at);
    case 'webhook-worker':
      return webhookWorker(at);
    case 'operator':
      return operator(at);
    case 'submitter':
      return { publish: [...at.submits, ...at.asked(api.submit), '$SRV.>'], hear: at.acksOf(user) };
    case 'viewer':
      return viewer(at, api);
    case 'mqtt':
      return { publish: at.submits, hear: [...at.acksOf(user), ...at.eventsOf('default'), '$MQTT.sub.>'] };
    case 'tenant':
      return tenantOf(tenant ?? user, at);
  }
}

function master(at: Places): Grants {
  const { streams } = at;
  return {
    publish: [
      ...[at.all, at.jobs, at.control, at.blobs],
      ...streams.flatMap((stream) =>
        ['INFO', 'CREATE', 'UPDATE', 'PURGE'].map((verb) => `$JS.API.STREAM.${verb}.${stream}`),
      ),
      ...streams.flatMap((stream) => at.reading(stream)),
      ...streams.flatMap((stream) => at.consuming(stream)),
    ],
    hear: [at.all, '$SRV.>'],
    answers: true,
  };
}

/** It writes into any job, and into nothing else of that bucket; of what is set it makes its types known, and reads nothing. */
function worker(at: Places): Grants {
  const { prefix, names, streams } = at;
  const { jobs, work, blobs } = names.streams;
  return {
    publish: [
      ...[names.jobSubject('*.*'), names.controlSubject('type.*'), at.blobs],
      ...['pulse.*', 'event.>', 'progress.>', 'log.>', 'worker.*.echo'].map((end) => `${prefix}.${end}`),
      ...streams.map((stream) => `$JS.API.STREAM.INFO.${stream}`),
      ...[jobs, blobs].flatMap((stream) => at.reading(stream)),
      ...[work, blobs].flatMap((stream) => at.consuming(stream)),
    ],
    hear: [`${prefix}.worker.*.*`],
  };
}

/** A worker that also signs what webhooks are told: it reads them one by one, each with its secret, and notes that one has ended. */
function webhookWorker(at: Places): Grants {
  const { publish, ...rest } = worker(at);
  const webhook = at.names.controlSubject('webhook.*');
  return { ...rest, publish: [...publish, webhook, `$JS.API.DIRECT.GET.${at.names.streams.control}.${webhook}`] };
}

/** Whoever does by `yard` and the SDK what people do: everything but to lead, and to run jobs. */
function operator(at: Places): Grants {
  const { prefix, names, streams } = at;
  const { control, blobs } = names.streams;
  return {
    publish: [
      ...[...at.submits, `${prefix}.tenant.*.submit.>`, `${prefix}.api.>`, `${prefix}.tenant.*.api.>`, '$SRV.>'],
      ...[at.jobs, at.control, at.blobs, `${prefix}.worker.*.*`, `${prefix}.event.>`, names.allAuditEntries],
      ...streams.map((stream) => `$JS.API.STREAM.INFO.${stream}`),
      ...[control, blobs].map((stream) => `$JS.API.STREAM.PURGE.${stream}`),
      ...streams.flatMap((stream) => at.reading(stream)),
      ...streams.filter((stream) => stream !== names.streams.work).flatMap((stream) => at.consuming(stream)),
    ],
    deny: [names.jobSubject('_leader'), names.jobSubject('_picture')],
    hear: [
      ...['event', 'progress', 'log', 'feed', 'ack', 'tenant', 'pulse', 'control'].map((kind) => `${prefix}.${kind}.>`),
    ],
  };
}

function viewer(at: Places, api: ApiSubjects): Grants {
  const { prefix, names, streams } = at;
  const { jobs, logs, rejected, blobs } = names.streams;
  const desk = ['cluster', 'masters', 'why', 'scale', 'queues', 'limits', 'tenants', 'open'];
  return {
    publish: [
      ...streams.map((stream) => `$JS.API.STREAM.INFO.${stream}`),
      ...[jobs, logs, rejected, blobs].flatMap((stream) => at.reading(stream)),
      ...desk.map((question) => names.desk(question)),
      ...[...at.asked(api.read), '$SRV.>'],
    ],
    hear: ['event', 'progress', 'log', 'feed', 'pulse'].map((kind) => `${prefix}.${kind}.>`),
  };
}

/** Their own jobs: submitted, asked for by the service, read one by one as they lie in KV, and heard of. */
function tenantOf(tenant: string, at: Places): Grants {
  const { prefix, names } = at;
  const own = `${prefix}.tenant.${tenant}`;
  const { jobs } = names.streams;
  return {
    publish: [`${own}.submit.>`, `${own}.api.>`, `$JS.API.DIRECT.GET.${jobs}.${names.jobSubject(`${tenant}.*`)}`],
    hear: [
      ...[`${own}.ack`, `${own}.ack.>`, '$MQTT.sub.>'],
      ...['event', 'progress', 'log', 'feed'].flatMap((kind) => [
        `${prefix}.${kind}.${tenant}`,
        `${prefix}.${kind}.${tenant}.>`,
      ]),
    ],
  };
}

/** The subjects of a cluster, as permissions name them. */
class Places {
  readonly names: Names;
  readonly prefix: string;
  readonly streams: readonly string[];

  constructor(names: Names) {
    this.names = names;
    this.prefix = names.prefix;
    this.streams = Object.values(names.streams);
  }

  get all(): string {
    return `${this.prefix}.>`;
  }

  get jobs(): string {
    return this.names.allJobs;
  }

  get control(): string {
    return this.names.controlSubject('>');
  }

  get blobs(): string {
    return `$O.${this.names.blobs}.>`;
  }

  get submits(): readonly string[] {
    return [`${this.prefix}.submit.>`];
  }

  asked(ends: readonly string[]): readonly string[] {
    return ends.map((end) => `${this.prefix}.api.${end}`);
  }

  /** By MQTT, `…/#` is also the topic in front of it. */
  acksOf(user: string): readonly string[] {
    return [`${this.prefix}.ack.${user}`, `${this.prefix}.ack.${user}.>`];
  }

  eventsOf(tenant: string): readonly string[] {
    return [`${this.prefix}.event.${tenant}`, `${this.prefix}.event.${tenant}.>`];
  }

  reading(stream: string): readonly string[] {
    return [`$JS.API.STREAM.MSG.GET.${stream}`, `$JS.API.DIRECT.GET.${stream}`, `$JS.API.DIRECT.GET.${stream}.>`];
  }

  consuming(stream: string): readonly string[] {
    return [
      ...['CREATE', 'NAMES', 'LIST'].map((verb) => `$JS.API.CONSUMER.${verb}.${stream}`),
      ...['CREATE', 'INFO', 'DELETE'].map((verb) => `$JS.API.CONSUMER.${verb}.${stream}.>`),
      ...['DURABLE.CREATE', 'MSG.NEXT'].map((verb) => `$JS.API.CONSUMER.${verb}.${stream}.>`),
      `$JS.ACK.${stream}.>`,
    ];
  }
}
