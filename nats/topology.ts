/**
 * The streams and buckets of a cluster: there, and as they must be.
 *
 * Knows how to create, compare and upgrade; what they must be is in `stream-plan.ts`, and whether they keep what the
 * operator was promised in `durability.ts`. Promises that any number of processes may do this at once and again, that
 * an older process does not undo what a newer one has set, and that what cannot be brought about is said by stream
 * and setting.
 */

import { type JetStreamManager, jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { type Clock, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { isAtLeast, oldestBroker } from './binary.ts';
import { apiErrorOf, apiErrors, faultOf } from './errors.ts';
import type { Names } from './names.ts';
import { differences, fixed, mismatch, refusal } from './stream-difference.ts';
import { type LogLimits, planField, planVersion, type StreamPlan, streamPlans } from './stream-plan.ts';

export interface TopologyOptions {
  connection: NatsConnection;
  names: Names;
  clock: Clock;
  /** How many brokers keep each stream; what exists is left as it is where this is not given. */
  replicas?: number;
  /** How many keep a new one, where `replicas` is not given: 3 in a cluster and 1 elsewhere, unless given. */
  replicasOfNew?: number;
  /** What of the logs is kept; what exists is left as it is where this does not say. */
  logs?: LogLimits;
  /** How much a new bucket of jobs may take; as much as there is unless given. */
  jobsBytes?: number | undefined;
  /** How long to wait for a broker that is still starting; 15 s unless given. */
  withinMs?: number;
}

/** What `ensureTopology` had to do, by names of streams. */
export interface TopologyChanges {
  created: readonly string[];
  upgraded: readonly string[];
}

/** What is wrong with a stream: nothing, or that it is not there, or which settings of it differ. */
export interface StreamFinding {
  stream: string;
  isMissing: boolean;
  differing: readonly string[];
}

/** Brokers choose who knows of streams anew within some 9 s once that one is gone. */
const electedWithinMs = 10_000;

/**
 * Looks at every stream and bucket, and changes nothing. Waits while brokers elect.
 *
 * @throws {Fault} `broker.refused`, `broker.unauthorized`, `broker.unavailable`
 */
export async function inspectTopology(
  connection: NatsConnection,
  { names, clock }: { names: Names; clock: Clock },
): Promise<readonly StreamFinding[]> {
  const jsm = await jetstreamManager(connection, { checkAPI: false, timeout: 2_000 });
  const plans = streamPlans(names, { replicas: usualReplicas(connection) });
  const deadline = clock.mono() + electedWithinMs;
  const inspect = async (plan: StreamPlan) => {
    const met = await untilAvailable({ clock, deadline }, () => configOf(jsm, plan.name));
    const isNewer = met !== undefined && versionIn(met) > planVersion;
    const differing = met === undefined || isNewer ? [] : differences(wantedOf(plan, met, undefined), met);
    return { stream: plan.name, isMissing: met === undefined, differing };
  };
  return await Promise.all(plans.map(inspect));
}

/**
 * Makes every stream and bucket exist with the settings it must have.
 *
 * @throws {Fault} `topology.mismatch` where a stream cannot be made so; `broker.refused` where the broker is too old
 * or has no JetStream; `broker.unavailable` where it does not answer in time.
 */
export async function ensureTopology(options: TopologyOptions): Promise<TopologyChanges> {
  const { connection, names, clock, replicas } = options;
  checkBroker(connection, replicas ?? 1);
  const jsm = await jetstreamManager(connection, { checkAPI: false, timeout: 2_000 });
  const deadline = clock.mono() + (options.withinMs ?? 15_000);
  const changes: Record<'created' | 'upgraded', string[]> = { created: [], upgraded: [] };
  const { logs, jobsBytes } = options;
  const kept = replicas ?? options.replicasOfNew ?? usualReplicas(connection);
  for (const plan of streamPlans(names, { replicas: kept, logs, jobsBytes })) {
    const done = await untilAvailable({ clock, deadline }, () => ensureStream({ jsm, clock, replicas }, plan));
    if (done !== 'kept') changes[done].push(plan.name);
  }
  return changes;
}

/** What nobody has asked for shall not be lost with one broker of a cluster. */
function usualReplicas({ info }: NatsConnection): number {
  return info?.cluster === undefined ? 1 : 3;
}

function checkBroker({ info }: NatsConnection, replicas: number): void {
  const version = info?.version ?? '0.0.0';
  if (!isAtLeast(version, oldestBroker))
    throw new Fault(
      'broker.refused',
      `Expected nats-server ${oldestBroker} or newer, got ${version}. Upgrade the broker; 2.14.4 or newer is advised.`,
    );
  if (info?.jetstream !== true)
    throw new Fault(
      'broker.refused',
      `Expected a broker with JetStream, got nats-server ${version} without. Add \`jetstream {}\` to its configuration.`,
    );
  // A single broker takes the update of a stream to more replicas without a word.
  if (replicas > 1 && info.cluster === undefined)
    throw new Fault(
      'topology.mismatch',
      `Expected a cluster of at least ${replicas} brokers for ${replicas} replicas, got a single broker. Run a cluster, or ask for one replica.`,
      { facts: { field: 'num_replicas', expected: replicas, got: 1 } },
    );
}

/** A broker that has just started elects its leaders first: what is unavailable is asked for again. */
async function untilAvailable<T>(
  { clock, deadline }: { clock: Clock; deadline: number },
  what: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await what();
    } catch (error) {
      const fault = faultOf(error);
      if (!fault.retryable || clock.mono() >= deadline) throw fault;
      await pause(clock, 250);
    }
  }
}

interface Setting {
  jsm: JetStreamManager;
  clock: Clock;
  replicas: number | undefined;
}

async function ensureStream(setting: Setting, plan: StreamPlan): Promise<'created' | 'upgraded' | 'kept'> {
  const { jsm, replicas } = setting;
  const met = await configOf(jsm, plan.name);
  if (met === undefined) return create(setting, plan);
  if (versionIn(met) > planVersion) return 'kept';
  const wanted = wantedOf(plan, met, replicas);
  const differing = differences(wanted, met);
  if (differing.length === 0) return 'kept';
  const forLife = differing.find((field) => fixed.has(field));
  if (forLife !== undefined)
    throw mismatch({
      stream: plan.name,
      field: forLife,
      wanted,
      met,
      advice: `It cannot be changed: save what it holds, remove the stream with \`nats stream rm ${plan.name}\`, and start again`,
    });
  await update(jsm, plan, wanted, met);
  return 'upgraded';
}

async function create(setting: Setting, plan: StreamPlan): Promise<'created' | 'upgraded' | 'kept'> {
  try {
    await setting.jsm.streams.add({ ...plan.initial, ...plan.wish, ...plan.must, ...version, name: plan.name });
    return 'created';
  } catch (error) {
    // Another process was quicker, with a plan of another version.
    if (apiErrorOf(error) === apiErrors.streamNameInUse) return ensureStream(setting, plan);
    if (isFull(error) && plan.wish !== undefined) return create(setting, modest(plan));
    if (isFull(error) && (await isThereSoon(setting, plan))) return ensureStream(setting, plan);
    throw refusal(plan.name, error);
  }
}

function modest({ wish: _, ...plan }: StreamPlan): StreamPlan {
  return plan;
}

/** While several processes create a stream at once, the broker counts its room once for each. */
async function isThereSoon({ jsm, clock }: Setting, { name }: StreamPlan): Promise<boolean> {
  await pause(clock, 300);
  return (await configOf(jsm, name)) !== undefined;
}

function isFull(error: unknown): boolean {
  const code = apiErrorOf(error);
  return code === apiErrors.memoryFull || code === apiErrors.storageFull;
}

async function update(
  jsm: JetStreamManager,
  plan: StreamPlan,
  wanted: Partial<StreamConfig>,
  before: StreamConfig,
): Promise<void> {
  let after: StreamConfig;
  try {
    after = (await jsm.streams.update(plan.name, { ...wanted, metadata: { ...before.metadata, ...version.metadata } }))
      .config;
  } catch (error) {
    throw refusal(plan.name, error);
  }
  // A broker may accept a change and leave it, such as more replicas than there are brokers.
  const [field] = differences(wanted, after);
  if (field !== undefined)
    throw mismatch({ stream: plan.name, field, wanted, met: after, advice: 'The broker does not change it' });
}

const version = { metadata: { [planField]: String(planVersion) } };

function versionIn(config: StreamConfig): number {
  return Number(config.metadata?.[planField] ?? 0);
}

/** What the stream should be: the promise, what the operator asks for now, and what a newer plan brings. */
function wantedOf(plan: StreamPlan, met: StreamConfig, replicas: number | undefined): Partial<StreamConfig> {
  const { num_replicas: _, ...initial } = plan.initial;
  return {
    ...(versionIn(met) < planVersion ? initial : {}),
    ...plan.must,
    ...(replicas === undefined ? {} : { num_replicas: replicas }),
  };
}

async function configOf(jsm: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await jsm.streams.info(name)).config;
  } catch (error) {
    if (apiErrorOf(error) === apiErrors.streamMissing) return undefined;
    throw error;
  }
}
