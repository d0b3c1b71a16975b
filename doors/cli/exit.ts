/**
 * What the process's exit code says, so that scripts can tell one trouble from another.
 */

import { Interrupted, interrupted } from './interrupt.ts';

export const exitCodes = {
  ok: 0,
  /** The job failed, or the command did. */
  failed: 1,
  /** What was typed is not what was expected. */
  usage: 2,
  notFound: 3,
  /** The broker does not accept these credentials. */
  refused: 4,
  /** No broker, or no master, answers. */
  unreachable: 5,
  /** It was waited for, and did not happen in time. */
  timedOut: 6,
  interrupted,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What was typed is not what was expected, and no option or field is to blame. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What was named is not there. */
export class MissingError extends Error {
  override readonly name = 'MissingError';
}

const byFault: ReadonlyMap<string, ExitCode> = new Map([
  ['input.invalid', exitCodes.usage],
  ['option.invalid', exitCodes.usage],
  ['job.missing', exitCodes.notFound],
  ['blob.missing', exitCodes.notFound],
  ['file.missing', exitCodes.notFound],
  ['schedule.missing', exitCodes.notFound],
  ['worker.missing', exitCodes.notFound],
  ['workflow.missing', exitCodes.notFound],
  ['bulk.missing', exitCodes.notFound],
  ['webhook.missing', exitCodes.notFound],
  ['machine.missing', exitCodes.notFound],
  ['type.missing', exitCodes.notFound],
  ['picture.missing', exitCodes.notFound],
  ['token.missing', exitCodes.notFound],
  ['context.missing', exitCodes.notFound],
  ['group.missing', exitCodes.notFound],
  ['broker.unauthorized', exitCodes.refused],
  ['broker.unreachable', exitCodes.unreachable],
  ['broker.unavailable', exitCodes.unreachable],
  ['wait.timedOut', exitCodes.timedOut],
]);

/** The exit code for whatever was thrown. */
export function exitCodeOf(thrown: unknown): ExitCode {
  if (thrown instanceof Interrupted) return exitCodes.interrupted;
  if (thrown instanceof UsageError) return exitCodes.usage;
  if (thrown instanceof MissingError) return exitCodes.notFound;
  return byFault.get(faultCodeOf(thrown) ?? '') ?? exitCodes.failed;
}

/** The code of a fault, known by its name so that telling costs no import. */
export function faultCodeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || thrown.name !== 'Fault' || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
