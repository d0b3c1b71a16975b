/**
 * What may come of an operation beside its answer: statuses, and under each the codes of the problem.
 *
 * Every operation may meet what its kind brings with it, by the lock and by what it is given; what is its own, it says itself
 * (`faults`). Tests of HTTP hold each answer against this list, so it leaves nothing out.
 */

import { Fault, type FaultCode } from '../../sdk/index.ts';
import { nothing, type Operation } from './operation.ts';
import { statusOf } from './problem.ts';

type Asked = Pick<Operation, 'needs' | 'body' | 'faults'>;

const foreign = ['request.foreign'] as const;
const ofAnyLock = [
  'token.refused',
  'scope.missing',
  'rate.exceeded',
  'broker.unavailable',
  'broker.unreachable',
] as const;

/** Codes by status, the smallest status first. */
export function refusalsOf(operation: Asked): ReadonlyMap<number, readonly string[]> {
  const { needs, body, faults = [] } = operation;
  const codes: readonly FaultCode[] = [
    ...foreign,
    ...(needs === 'nothing' ? [] : ofAnyLock),
    'input.invalid',
    ...faults,
  ];
  const byStatus = Map.groupBy(new Set(codes), (code) => statusOf(new Fault(code, '')));
  // Whatever is too large is refused before any operation sees it.
  const all = body === nothing ? byStatus : byStatus.set(413, byStatus.get(413) ?? []);
  return new Map(
    [...all].sort(([one], [other]) => one - other).map(([status, those]) => [status, named(status, those)]),
  );
}

function named(status: number, codes: readonly FaultCode[]): readonly string[] {
  return status === 413 && codes.length === 0 ? ['request.large'] : codes;
}
