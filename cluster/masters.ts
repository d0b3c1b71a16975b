/**
 * Which masters there are and how each stands, as each says of itself: no leader is needed to answer.
 */

import type { SteppedDown } from '../actors/desk.ts';
import type { Standing } from '../actors/master.ts';
import { Fault } from '../runtime/faults.ts';
import type { Desk } from '../runtime/ports.ts';
import { isObject } from './desk-answer.ts';

export type { SteppedDown };

/** A master as it sees itself. */
export interface MasterView extends Omit<Standing, 'state' | 'since'> {
  /** Where it is in the election, as a path of the chart `election`, and since when; a master of an older version tells neither. */
  state?: Standing['state'];
  since?: number;
  host: string;
  pid: number;
  version: string;
  /** Epoch ms. */
  startedAt: number;
  /** Where it serves HTTP; absent where it does not. */
  http?: string;
  /** Where it serves its metrics. */
  metrics?: string;
  /** How far its machine's clock is ahead of the broker's, and how far off its broker time may be, ms. */
  clock: { skewMs: number; uncertaintyMs: number };
}

const answersWithinMs = 2_000;
const stepsDownWithinMs = 10_000;

/** The masters that answer, who leads first, then by name. */
export async function askMasters(desk: Desk): Promise<readonly MasterView[]> {
  const answers = await desk.askAll('masters', null, answersWithinMs);
  const rank = ({ leads, name }: MasterView) => `${leads ? 0 : 1}${name}`;
  return answers.filter(isMasterView).toSorted((one, other) => (rank(one) < rank(other) ? -1 : 1));
}

/**
 * Asks the leader to give its lease up; resolves when it has.
 *
 * @throws {Fault} `broker.unavailable` where nobody leads.
 */
export async function askToStepDown(desk: Desk): Promise<SteppedDown> {
  const answer = await desk.ask('step-down', null, stepsDownWithinMs);
  if (isSteppedDown(answer)) return answer;
  throw new Fault(
    'broker.unavailable',
    'Expected a master that leads to step down, none answered. See `yard master list`.',
  );
}

/** A master of another version may answer otherwise: what is not as expected counts as no answer. */
function isMasterView(answer: unknown): answer is MasterView {
  if (!isObject(answer)) return false;
  const { incarnation, name, host, pid, leads, behindMs, clock } = answer;
  const isNamed = typeof incarnation === 'string' && typeof name === 'string' && typeof host === 'string';
  return (
    isNamed && typeof pid === 'number' && typeof leads === 'boolean' && typeof behindMs === 'number' && isObject(clock)
  );
}

function isSteppedDown(answer: unknown): answer is SteppedDown {
  return isObject(answer) && typeof answer['name'] === 'string' && typeof answer['term'] === 'number';
}
