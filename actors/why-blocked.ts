/**
 * Why a job waits that waits for others: which, how they stand, and what lets it go.
 */

import type { After } from '../machines/rules/after.ts';
import type { Awaited } from './dependents.ts';
import type { Why } from './why.ts';

const namedAtMost = 3;
const wanted = { success: 'complete', failure: 'fail', end: 'end' } as const;

/** @param awaited the jobs for which it still waits, as they stand. */
export function whyBlocked(after: After | undefined, awaited: readonly Awaited[]): Why {
  const { need = 'all', when = 'success' } = after ?? {};
  const [only, ...others] = awaited;
  const isOne = only !== undefined && others.length === 0;
  const last = need === 'any' ? 'one of them does' : 'the last of them does';
  return {
    code: 'blocked',
    sentence: `Waits for ${isOne ? '' : `${need} of `}${namesOf(awaited)} to ${wanted[when]}. It goes on when ${isOne ? 'that one does' : last}${adviceFor(awaited)}.`,
  };
}

function namesOf(awaited: readonly Awaited[]): string {
  if (awaited.length === 0) return 'other jobs';
  const named = awaited.slice(0, namedAtMost).map(({ id, state }) => `${id} (${state ?? 'not submitted yet'})`);
  return awaited.length > named.length
    ? `${named.join(', ')} and ${awaited.length - named.length} more`
    : named.join(', ');
}

function adviceFor(awaited: readonly Awaited[]): string {
  const missing = awaited.find(({ state }) => state === undefined);
  if (missing !== undefined)
    return `; ${missing.id} may come within a day of this one, \`yard submit --id ${missing.id}\` does it`;
  const [first] = awaited;
  return first === undefined ? '' : `; \`yard job why ${first.id}\` says what keeps it`;
}
