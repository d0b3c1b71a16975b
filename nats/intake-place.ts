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
 * What a predecessor was handed and did not do may be what ended it. Each time that happens in a row is counted, so
 * that a submission which fells every master is set apart at last.
 */

import { AckPolicy, type ConsumerInfo, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { Fault } from '../runtime/faults.ts';
import type { Names } from './names.ts';

const redeliverAfterNs = 30_000_000_000;
const mostInHand = 4_000;

/** A consumer of ours: everything up to `floor` was done when it was made. */
export interface Place {
  name: string;
  floor: number;
  doubt: Doubt;
}

/** Sequences that predecessors were handed and did not do, `times` in a row with the same `first`. */
interface Doubt {
  first: number;
  last: number;
  times: number;
}

export interface PlaceOptions {
  jsm: JetStreamManager;
  names: Names;
  /** A word that no other place has. */
  word: string;
  /** The last sequence of the stream: a floor beyond it belongs to a stream that was rolled back. */
  last: number;
}

/** Takes intake over from whoever has it. */
export async function takePlace(options: PlaceOptions): Promise<Place> {
  const former = await formerPlaces(options);
  const furthest = former.reduce<ConsumerInfo | undefined>(
    (best, each) => (best === undefined || floorOf(each) > floorOf(best) ? each : best),
    undefined,
  );
  const floor = Math.min(options.last, furthest === undefined ? 0 : floorOf(furthest));
  return settle(options, { floor, doubt: furthest === undefined ? none : doubtAfter(furthest) }, former);
}

/**
 * Leaves `place`, whose deliveries have a gap or which is gone, for a new one.
 *
 * @throws {Fault} `leader.deposed` where another master has taken over since.
 */
export async function moveOn(options: PlaceOptions, place: Place): Promise<Place> {
  const former = await formerPlaces(options);
  if (former.length > 0 && !former.some(({ name }) => name === place.name))
    throw new Fault('leader.deposed', 'Another master takes submissions in now.');
  const floor = Math.min(options.last, Math.max(place.floor, ...former.map(floorOf)));
  return settle(options, { floor, doubt: place.doubt }, former);
}

/** The sequence up to which submissions have been taken in, by whoever does it. */
export async function furthestFloor(jsm: JetStreamManager, names: Names): Promise<number> {
  const { state } = await jsm.streams.info(names.streams.submit);
  const former = await formerPlaces({ jsm, names });
  return Math.min(state.last_seq, Math.max(0, ...former.map(floorOf)));
}

/** How often this submission has been handed to a master, this time included. Only the first in doubt is blamed. */
export function deliveriesOf({ first, last, times }: Doubt, sequence: number): number {
  if (sequence > last) return 1;
  return sequence === first ? 1 + times : Math.min(1 + times, 3);
}

const none: Doubt = { first: 0, last: 0, times: 0 };

async function formerPlaces({ jsm, names }: Pick<PlaceOptions, 'jsm' | 'names'>): Promise<readonly ConsumerInfo[]> {
  const found: ConsumerInfo[] = [];
  for await (const info of jsm.consumers.list(names.streams.submit))
    if (info.name.startsWith(names.consumers.intake)) found.push(info);
  return found;
}

/** The new place is there before the former ones go: a crash in between costs nothing. */
async function settle(
  { jsm, names, word }: PlaceOptions,
  { floor, doubt }: Omit<Place, 'name'>,
  former: readonly ConsumerInfo[],
): Promise<Place> {
  const stream = names.streams.submit;
  const name = `${names.consumers.intake}_${word}`;
  await jsm.consumers.add(stream, {
    durable_name: name,
    ack_policy: AckPolicy.All,
    ack_wait: redeliverAfterNs,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: floor + 1,
    max_ack_pending: mostInHand,
    metadata: { [doubtField]: [doubt.first, doubt.last, doubt.times].join(' ') },
  });
  await Promise.all(former.map((each) => jsm.consumers.delete(stream, each.name).catch(() => false)));
  return { name, floor, doubt };
}

const doubtField = 'yardmaster.doubt';

function floorOf({ ack_floor }: ConsumerInfo): number {
  return ack_floor.stream_seq;
}

function doubtAfter(info: ConsumerInfo): Doubt {
  const floor = floorOf(info);
  const { stream_seq: last } = info.delivered;
  if (last <= floor) return none;
  const [formerFirst = 0, formerLast = 0, formerTimes = 0] = (info.config.metadata?.[doubtField] ?? '')
    .split(' ')
    .map(Number);
  const first = floor + 1;
  if (first > formerLast) return { first, last, times: 1 };
  return { first, last, times: first === formerFirst ? formerTimes + 1 : 2 };
}
