/**
 * What was thrown, as the data that a record keeps: bounded texts, and whether trying again may help.
 */

import type { Failure, FailureKind } from '../machines/job.ts';
import { JobError } from './handler.ts';

const longestMessage = 2_000;
const longestStack = 4_000;
const longestStderr = 8_000;

/** The failure that `thrown` stands for; anything may be thrown. */
export function failureOf(thrown: unknown, kind: FailureKind = 'error'): Failure {
  if (!(thrown instanceof Error)) return { kind, message: clip(String(thrown), longestMessage) };
  const failure: Failure = { kind, message: clip(thrown.message, longestMessage), name: thrown.name };
  if (thrown.stack !== undefined) failure.stack = clip(thrown.stack, longestStack);
  return thrown instanceof JobError ? withDetails(failure, thrown) : failure;
}

function withDetails(failure: Failure, error: JobError): Failure {
  if (!error.retryable) failure.retryable = false;
  if (error.retryAfterMs !== undefined) failure.retryAfterMs = error.retryAfterMs;
  if (error.exitCode !== undefined) failure.exitCode = error.exitCode;
  if (error.stderr !== undefined) failure.stderr = tail(error.stderr, longestStderr);
  return failure;
}

function clip(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** Of what a program wrote, the end says most. */
function tail(text: string, most: number): string {
  return text.length > most ? `…${text.slice(-most)}` : text;
}
