/**
 * One step of a master in the election: where it is, an event, and where it comes to. Pure.
 */

import { type ElectionContext, type ElectionEvent, electionMachine } from '../machines/election.ts';
import { inertScope } from './inert-scope.ts';

/** Where a master can be in the election: the path in the chart. */
export type ElectionPlace = keyof typeof places;

export interface ElectionState extends ElectionContext {
  place: ElectionPlace;
}

type Snapshot = ReturnType<typeof electionMachine.resolveState>;

const scope = inertScope();

const places = {
  starting: 'starting',
  'standingBy.watching': { standingBy: 'watching' },
  'standingBy.resting': { standingBy: 'resting' },
  'standingBy.unfit': { standingBy: 'unfit' },
  campaigning: 'campaigning',
  'leading.catchingUp': { leading: 'catchingUp' },
  'leading.takingOffice': { leading: 'takingOffice' },
  'leading.serving': { leading: 'serving' },
  stopped: 'stopped',
} as const satisfies Record<string, Snapshot['value']>;

export const electionPlaces = Object.keys(places).filter(isElectionPlace);

function isElectionPlace(text: string): text is ElectionPlace {
  return Object.hasOwn(places, text);
}

/** A master that has just been started. */
export function newElection(silenceMs: number): ElectionState {
  return stateOf(electionMachine.getInitialSnapshot(scope, { silenceMs }));
}

/**
 * Where a master is after `event`; the very same object where the chart has no such edge.
 *
 * @example electionStep(newElection(700), { type: 'master.ready' }).place // 'standingBy.watching'
 */
export function electionStep(state: ElectionState, event: ElectionEvent): ElectionState {
  const { place, ...context } = state;
  const before = electionMachine.resolveState({ value: places[place], context });
  if (before.status !== 'active') return state;
  const after = electionMachine.transition(before, event, scope);
  return after === before ? state : stateOf(after);
}

function stateOf(snapshot: Snapshot): ElectionState {
  const place = electionPlaces.find((one) => snapshot.matches(places[one]));
  if (place === undefined) throw new RangeError(`Expected a place for ${JSON.stringify(snapshot.value)}, found none.`);
  return { place, ...snapshot.context };
}
