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
  /** How many brokers keep each stream; what exists is left as it is where this is not given, and new ones get 1. */
  replicas?: number;
  /** What of the logs is kept; what exists is left as it is where this does not say. */
  logs?: LogLimits;
  /** How long to wait for a broker that is still starting; 15 s unless given. */
  withinMs?: number;
}

/** What `ensureTopology` had to do, by names of streams. */
export interface TopologyChanges {
  created: readonly string[];
  upgraded: readonly string[];
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
  for (const plan of streamPlans(names, replicas ?? 1, options.logs)) {
    const done = await untilAvailable({ clock, deadline }, () => ensureStream(jsm, plan, replicas));
    if (done !== 'kept') changes[done].push(plan.name);
  }
  return changes;
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

async function ensureStream(
  jsm: JetStreamManager,
  plan: StreamPlan,
  replicas: number | undefined,
): Promise<'created' | 'upgraded' | 'kept'> {
  const met = await configOf(jsm, plan.name);
  if (met === undefined) return create(jsm, plan, replicas);
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

async function create(
  jsm: JetStreamManager,
  plan: StreamPlan,
  replicas: number | undefined,
): Promise<'created' | 'upgraded' | 'kept'> {
  try {
    await jsm.streams.add({ ...plan.initial, ...plan.must, ...version, name: plan.name });
    return 'created';
  } catch (error) {
    // Another process was quicker, with a plan of another version.
    if (apiErrorOf(error) === apiErrors.streamNameInUse) return ensureStream(jsm, plan, replicas);
    throw refusal(plan.name, error);
  }
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
