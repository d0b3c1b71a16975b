/**
 * All checks of `yard doctor`, in the order in which one thing needs another, and what they make of findings.
 */

import { UsageError } from '../exit.ts';
import { brokerChecks } from './broker.ts';
import { areas, type Check, type Result } from './check.ts';
import { doorChecks } from './doors.ts';
import type { Findings } from './findings.ts';
import { jobChecks } from './jobs.ts';
import { machineChecks } from './machine.ts';
import { masterChecks } from './masters.ts';
import { workerChecks } from './workers.ts';

export const checks: readonly Check[] = [
  ...machineChecks,
  ...brokerChecks,
  ...masterChecks,
  ...workerChecks,
  ...jobChecks,
  ...doorChecks,
];

/** Those of these names and areas; all where nothing is said. @throws {UsageError} for a word that is neither. */
export function checksNamed(words: readonly string[]): readonly Check[] {
  const unknown = words.find((word) => !checks.some(({ name, area }) => word === name || word === area));
  if (unknown !== undefined)
    throw new UsageError(
      `Expected a check or one of ${areas.join(', ')}, got \`${unknown}\`. See \`yard doctor -o wide\` for all checks.`,
    );
  return words.length === 0 ? checks : checks.filter(({ name, area }) => words.includes(name) || words.includes(area));
}

export function examine(found: Findings, which: readonly Check[]): readonly Result[] {
  return which.map(({ area, name, expected, judge }) => ({ area, name, expected, ...judge(found) }));
}
