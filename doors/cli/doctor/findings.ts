/**
 * What `yard doctor` finds: asked of all at once, each by the verb that other commands ask it by. What does not answer is
 * known by why it does not, and no check waits for another one's question.
 *
 * Where no broker answers, or none of our streams is there, the cluster is asked nothing: whoever connects as a process of
 * ours makes them, and looking for a cluster shall not begin one.
 */

import {
  type BrokerProbe,
  type DoorAnswer,
  knock,
  lookAtBroker,
  lookAtMachine,
  lookAtMonitoring,
  lookHere,
  type Machine,
  type Monitored,
  type UpFile,
} from '../../../cluster/checkup.ts';
import type { Options } from '../../../cluster/settings.ts';
import type {
  Advice,
  BrokersView,
  ClusterView,
  JobRecord,
  LimitView,
  MasterView,
  QueueView,
  Rejection,
  ScheduleRecord,
  TokenView,
  WebhookView,
  Yard,
} from '../../../sdk/index.ts';
import { faultCodeOf } from '../exit.ts';

/** A finding, or why there is none. */
export type Known<Value> = { isKnown: true; value: Value } | { isKnown: false; why: string; code: string | undefined };

/** Where a master, or the context, says that HTTP is served, and what was answered there. */
export interface Door {
  /** The name of the master; absent where the context says it. */
  master?: string;
  url: string;
  answer: Known<DoorAnswer>;
}

export interface Findings {
  /** Of this version is the command. */
  version: string;
  /** Broker time where it is known, epoch ms. */
  now: number;
  options: Known<Options>;
  machine: Known<Machine>;
  /** The cluster of `yard up` here. */
  here: Known<UpFile | undefined>;
  broker: Known<BrokerProbe>;
  monitoring: Known<readonly Monitored[]>;
  /** `undefined` where nobody leads. */
  cluster: Known<ClusterView | undefined>;
  masters: Known<readonly MasterView[]>;
  brokers: Known<BrokersView>;
  queues: Known<readonly QueueView[]>;
  limits: Known<readonly LimitView[]>;
  advice: Known<Advice>;
  /** Active jobs, those first that have been so for longest. */
  active: Known<readonly JobRecord[]>;
  /** Jobs that failed within the last hour, the newest first, at most `failuresAtMost`. */
  failures: Known<readonly JobRecord[]>;
  rejected: Known<readonly Rejection[]>;
  schedules: Known<readonly ScheduleRecord[]>;
  webhooks: Known<readonly WebhookView[]>;
  tokens: Known<readonly TokenView[]>;
  doors: Known<readonly Door[]>;
}

export const failuresAtMost = 200;
const activeAtMost = 50;
export const hourMs = 3_600_000;

/** Where to look, and by whom the cluster is asked. */
export interface Looking {
  version: string;
  /** @throws {Fault} `option.invalid` */
  options: () => Promise<Options>;
  directory: string;
  /** Where the context says that HTTP is served, and the token to show there. */
  http: (options: Options) => { url: string; token?: string } | undefined;
  open: () => Promise<Yard>;
}

export async function look({ version, options: readOptions, directory, http, open }: Looking): Promise<Findings> {
  const options = await known(readOptions);
  const after = <Value>(ask: (options: Options) => Promise<Value>) => chained(options, ask);
  const [machine, here, broker] = await Promise.all([
    after((each) => lookAtMachine(each, directory)),
    after((each) => lookHere(each, directory)),
    after(lookAtBroker),
  ]);
  const monitoring = after((each) => lookAtMonitoring(each, here.isKnown ? here.value : undefined));
  const [asked, named] = await Promise.all([
    askCluster(canBeAsked(broker), open),
    after(async (each) => await knockAt(http(each))),
  ]);
  const doors = joined(asked.doors, named);
  return { version, options, machine, here, broker, monitoring: await monitoring, ...asked, doors };
}

/** A broker with streams of ours: what is missing of them, whoever connects makes. */
function canBeAsked(broker: Known<BrokerProbe>): Known<BrokerProbe> {
  if (!broker.isKnown) return unknown('no broker to ask');
  const { streams, blindness } = broker.value;
  if (blindness !== undefined) return unknown('our streams cannot be seen');
  const there = streams.filter(({ isMissing }) => !isMissing);
  return there.length === 0 ? unknown('no cluster was ever started on this broker') : broker;
}

type Asked = Omit<Findings, 'version' | 'options' | 'machine' | 'here' | 'broker' | 'monitoring'>;

async function askCluster(broker: Known<BrokerProbe>, open: () => Promise<Yard>): Promise<Asked> {
  const opened = await chained(broker, open);
  try {
    return await askAll(opened);
  } finally {
    if (opened.isKnown) await opened.value.close();
  }
}

async function askAll(opened: Known<Yard>): Promise<Asked> {
  const now = opened.isKnown ? opened.value.now() : Number.NaN;
  const ask = <Value>(question: (yard: Yard) => Promise<Value>) => chained(opened, question);
  const [cluster, masters, brokers, queues, limits] = await Promise.all([
    ask((yard) => yard.cluster()),
    ask((yard) => yard.masters()),
    ask((yard) => yard.brokers()),
    ask((yard) => yard.queues.list()),
    ask((yard) => yard.limits.list()),
  ]);
  const [advice, active, failures, rejected, schedules, webhooks, tokens, doors] = await Promise.all([
    ask((yard) => yard.scaleAdvice()),
    ask(activeJobs),
    ask((yard) => failedSince(yard, now - hourMs)),
    ask((yard) => yard.rejected()),
    ask((yard) => yard.schedules.list()),
    ask((yard) => yard.webhooks.list()),
    ask((yard) => yard.tokens.list()),
    chained(masters, knockAtAll),
  ]);
  return {
    ...{ now, cluster, masters, brokers, queues, limits, advice, active, failures, rejected },
    ...{ schedules, webhooks, tokens, doors },
  };
}

async function activeJobs(yard: Yard): Promise<readonly JobRecord[]> {
  const state = ['assigned', 'processing', 'cancelling'] as const;
  return (await yard.jobPage({ state, sort: 'updated', limit: activeAtMost })).jobs;
}

async function failedSince(yard: Yard, updatedFrom: number): Promise<readonly JobRecord[]> {
  return (await yard.jobPage({ state: 'failed', updatedFrom, sort: '-updated', limit: failuresAtMost })).jobs;
}

function knockAtAll(masters: readonly MasterView[]): Promise<readonly Door[]> {
  return Promise.all(
    masters.flatMap(({ name: master, http: url }) =>
      url === undefined ? [] : [known(() => knock(new URL('/ready', url))).then((answer) => ({ master, url, answer }))],
    ),
  );
}

/** Asks for jobs, which tells whether the token opens. */
async function knockAt(http: { url: string; token?: string } | undefined): Promise<readonly Door[]> {
  if (http === undefined) return [];
  const { url, token } = http;
  const answer = await known(() => knock(new URL(token === undefined ? '/ready' : '/v1/jobs?limit=1', url), token));
  return [{ url, answer }];
}

function joined(all: Findings['doors'], more: Findings['doors']): Findings['doors'] {
  const own = more.isKnown ? more.value : [];
  if (all.isKnown) return { isKnown: true, value: [...all.value, ...own] };
  return own.length === 0 ? all : more;
}

async function known<Value>(ask: () => Promise<Value>): Promise<Known<Value>> {
  try {
    return { isKnown: true, value: await ask() };
  } catch (cause) {
    return unknown(cause instanceof Error ? cause.message : String(cause), faultCodeOf(cause));
  }
}

async function chained<First, Value>(
  first: Known<First>,
  ask: (value: First) => Promise<Value>,
): Promise<Known<Value>> {
  return first.isKnown ? await known(() => ask(first.value)) : unknown(first.why);
}

function unknown(why: string, code?: string): Extract<Known<never>, { isKnown: false }> {
  return { isKnown: false, why, code };
}
