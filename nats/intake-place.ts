/**
 * How far the stream of submissions has been taken in: the ack floor of a durable consumer.
 *
 * The idea: whoever takes intake over makes a consumer of its own, right behind the furthest floor there is, and
 * removes those of its predecessors. All below a floor is done, so the furthest one is right, whoever left it behind.
 *
 *     predecessor   ── done ──┤ floor ── handed to it, not done ──
 *     successor               └─ starts here
 *
 * One consumer for all would lose submissions: what it handed to a master that then froze would lie there for half a
 * minute, and the next master's ack of a later submission would count for it too. For the same reason a consumer
 * whose deliveries have a gap, as after a broken connection, is left for a new one.
 *
 * What a predecessor was handed and did not do may be what ended it, and a process that dies leaves no word. So each
 * time that happens in a row is counted, and a submission which fells every master is set apart at last. Not where
 * the broker was started anew since: then that is why it was not done.
 */

import { AckPolicy, type ConsumerInfo, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { Fault } from '../runtime/faults.ts';
import { decodeJson } from './codec.ts';
import { apiErrorOf, apiErrors, faultOf } from './errors.ts';
import type { Names } from './names.ts';

const redeliverAfterNs = 30_000_000_000;
const mostInHand = 4_000;
const answerWithinMs = 2_000;

/** A consumer of ours: everything up to `floor` was done when it was made. */
export interface Place {
  name: string;
  floor: number;
  doubt: Doubt;
  /** The broker, or the cluster of them, that handed out what came after the floor. */
  handedBy: string;
  /** The broker that was asked last for what it may have forgotten (`intake-replay.ts`); empty: none ever was. */
  asked: string;
}

/** Sequences that predecessors were handed and did not do, `times` in a row with the same `first`. */
interface Doubt {
  first: number;
  last: number;
  times: number;
}

export interface PlaceOptions {
  connection: NatsConnection;
  jsm: JetStreamManager;
  names: Names;
  /** A word that no other place has. */
  word: string;
  /** The last sequence of the stream: a floor beyond it belongs to a stream that was rolled back. */
  last: number;
  /** The broker that we are connected to, for as long as it runs. */
  broker: string;
  /** The same; of several brokers their cluster, which has no end. */
  handedBy: string;
}

/**
 * Takes intake over from whoever has it.
 *
 * @throws {Fault} `broker.unavailable` as long as it cannot be seen how far that one was, as right after the death of
 * a broker.
 */
export async function takePlace(options: PlaceOptions): Promise<Place> {
  const former = await formerPlaces(options);
  const furthest = (await infosOf(options, former)).reduce<ConsumerInfo | undefined>(
    (best, each) => (best === undefined || floorOf(each) > floorOf(best) ? each : best),
    undefined,
  );
  const floor = Math.min(options.last, furthest === undefined ? 0 : floorOf(furthest));
  const { broker, handedBy } = options;
  if (furthest === undefined) return settle(options, { floor, doubt: none, handedBy, asked: broker }, former);
  const doubt = doubtAfter(furthest, handedBy);
  return settle(options, { floor, doubt, handedBy, asked: fieldOf(furthest, askedField) }, former);
}

/**
 * Leaves `place`, whose deliveries have a gap or which is gone, for a new one.
 *
 * @throws {Fault} `leader.deposed` where another master has taken over since.
 */
export async function moveOn(options: PlaceOptions, place: Place): Promise<Place> {
  const former = await formerPlaces(options);
  if (former.length > 0 && !former.includes(place.name))
    throw new Fault('leader.deposed', 'Another master takes submissions in now.');
  const floor = Math.min(options.last, place.floor);
  const { handedBy } = options;
  return settle(options, { floor, doubt: place.doubt, handedBy, asked: place.asked }, former);
}

/** Notes that this broker has been asked for what it may have forgotten. A place that is gone needs no note. */
export async function noteAsked(
  { jsm, names, broker }: Pick<PlaceOptions, 'jsm' | 'names' | 'broker'>,
  place: Place,
): Promise<void> {
  place.asked = broker;
  const metadata = metadataOf(place);
  await jsm.consumers.update(names.streams.submit, place.name, { metadata }).catch(() => undefined);
}

/** The sequence up to which submissions have been taken in, by whoever does it. */
export async function furthestFloor(at: Pick<PlaceOptions, 'connection' | 'jsm' | 'names'>): Promise<number> {
  const { state } = await at.jsm.streams.info(at.names.streams.submit);
  const former = await infosOf(at, await formerPlaces(at));
  return Math.min(state.last_seq, Math.max(0, ...former.map(floorOf)));
}

/** How often this submission has been handed to a master, this time included. Only the first in doubt is blamed. */
export function deliveriesOf({ first, last, times }: Doubt, sequence: number): number {
  if (sequence > last) return 1;
  return sequence === first ? 1 + times : Math.min(1 + times, 3);
}

const none: Doubt = { first: 0, last: 0, times: 0 };

/** Their names, all of them: what the broker tells of consumers leaves those out that have no leader at the moment. */
async function formerPlaces({
  connection,
  names,
}: Pick<PlaceOptions, 'connection' | 'names'>): Promise<readonly string[]> {
  const found: string[] = [];
  for (let total = 1; found.length < total; ) {
    const page = await pageOfNames(connection, names.streams.submit, found.length);
    total = page.consumers.length === 0 ? 0 : page.total;
    found.push(...page.consumers);
  }
  return found.filter((name) => name.startsWith(names.consumers.intake));
}

interface PageOfNames {
  total: number;
  consumers: readonly string[];
}

async function pageOfNames(connection: NatsConnection, stream: string, offset: number): Promise<PageOfNames> {
  try {
    const ask = JSON.stringify({ offset });
    const { data } = await connection.request(`$JS.API.CONSUMER.NAMES.${stream}`, ask, { timeout: answerWithinMs });
    const { total = 0, consumers, error } = decodeJson<Partial<PageOfNames> & { error?: unknown }>(data);
    if (error !== undefined) throw faultOf(error);
    return { total, consumers: consumers ?? [] };
  } catch (cause) {
    throw faultOf(cause);
  }
}

/** What is known of them; one that has gone meanwhile has left nothing behind. */
async function infosOf(
  { jsm, names }: Pick<PlaceOptions, 'jsm' | 'names'>,
  places: readonly string[],
): Promise<readonly ConsumerInfo[]> {
  const asked = places.map(async (name) => {
    try {
      return [await jsm.consumers.info(names.streams.submit, name)];
    } catch (cause) {
      if (apiErrorOf(cause) === apiErrors.consumerMissing) return [];
      throw faultOf(cause);
    }
  });
  return (await Promise.all(asked)).flat();
}

/** The new place is there before the former ones go: a crash in between costs nothing. */
async function settle(
  { jsm, names, word }: PlaceOptions,
  place: Omit<Place, 'name'>,
  former: readonly string[],
): Promise<Place> {
  const stream = names.streams.submit;
  const name = `${names.consumers.intake}_${word}`;
  await jsm.consumers.add(stream, {
    durable_name: name,
    ack_policy: AckPolicy.All,
    ack_wait: redeliverAfterNs,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: place.floor + 1,
    max_ack_pending: mostInHand,
    metadata: metadataOf(place),
  });
  // Nobody waits for the answers: one that lay with a dead broker goes at once, and has nobody to say so.
  for (const each of former) void jsm.consumers.delete(stream, each).catch(() => false);
  return { name, ...place };
}

const doubtField = 'yardmaster.doubt';
const handedByField = 'yardmaster.handedBy';
const askedField = 'yardmaster.asked';

function metadataOf({ doubt, handedBy, asked }: Omit<Place, 'name'>): Record<string, string> {
  return {
    [doubtField]: [doubt.first, doubt.last, doubt.times].join(' '),
    [handedByField]: handedBy,
    [askedField]: asked,
  };
}

function fieldOf({ config }: ConsumerInfo, field: string): string {
  return config.metadata?.[field] ?? '';
}

function floorOf({ ack_floor }: ConsumerInfo): number {
  return ack_floor.stream_seq;
}

function doubtAfter(info: ConsumerInfo, handedBy: string): Doubt {
  const floor = floorOf(info);
  const { stream_seq: last } = info.delivered;
  if (last <= floor) return none;
  const former = formerDoubt(info);
  if (fieldOf(info, handedByField) !== handedBy) return former;
  const first = floor + 1;
  if (first > former.last) return { first, last, times: 1 };
  return { first, last, times: first === former.first ? former.times + 1 : 2 };
}

function formerDoubt(info: ConsumerInfo): Doubt {
  const [first = 0, last = 0, times = 0] = fieldOf(info, doubtField).split(' ').map(Number);
  return { first, last, times };
}
