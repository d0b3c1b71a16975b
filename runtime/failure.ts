/**
 * What was thrown, as the data that a record keeps: bounded texts, and whether trying again may help.
 */

import type { Failure, FailureKind } from '../machines/job.ts';
import { JobError } from './handler.ts';

const longestName = 100;
const longestMessage = 2_000;
const longestStack = 4_000;
const longestStderr = 8_000;

/** What a handler may ask to wait at most before the next attempt. */
const longestRetryAfterMs = 30 * 24 * 3_600_000;

/** What is kept of the stack and the last words of an attempt when another one follows. */
const keptOfEarlier = 1_000;

/** The failure that `thrown` stands for; anything may be thrown. `shown` is what may be kept of its texts. */
export function failureOf(thrown: unknown, shown: (text: string) => string = (text) => text): Failure {
  const kind: FailureKind = 'error';
  if (!(thrown instanceof Error)) return { kind, message: clip(shown(textOf(thrown)), longestMessage) };
  const message = clip(shown(textOf(thrown.message)), longestMessage);
  const failure: Failure = { kind, message, name: clip(shown(textOf(thrown.name)), longestName) };
  if (typeof thrown.stack === 'string') failure.stack = clip(shown(thrown.stack), longestStack);
  return isJobError(thrown) ? withDetails(failure, new Map(Object.entries(thrown)), shown) : failure;
}

/** Also by its name: a module of handlers may have brought a copy of the package along, whose class is another one. */
function isJobError(thrown: Error): boolean {
  return thrown instanceof JobError || thrown.name === 'JobError';
}

function withDetails(
  failure: Failure,
  details: ReadonlyMap<string, unknown>,
  shown: (text: string) => string,
): Failure {
  const { retryable, retryAfterMs, exitCode, stderr } = Object.fromEntries(details);
  if (retryable === false) failure.retryable = false;
  if (isWait(retryAfterMs)) failure.retryAfterMs = Math.min(Math.ceil(retryAfterMs), longestRetryAfterMs);
  if (typeof exitCode === 'number') failure.exitCode = exitCode;
  if (typeof stderr === 'string') failure.stderr = tail(shown(stderr), longestStderr);
  return failure;
}

/** What is no span of time, such as the rest of a wait that is over, is left to the backoff. */
function isWait(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY;
}

/** A failure that another attempt has followed: so that a record stays writable, however many fail and whatever they say. */
export function shortened({ stack, stderr, ...failure }: Failure): Failure {
  return {
    ...failure,
    ...(stack === undefined ? {} : { stack: clip(stack, keptOfEarlier) }),
    ...(stderr === undefined ? {} : { stderr: tail(stderr, keptOfEarlier) }),
  };
}

/** Also of what cannot be made a text, such as an object without a prototype. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function clip(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** Of what a program wrote, the end says most. */
function tail(text: string, most: number): string {
  return text.length > most ? `…${text.slice(-most)}` : text;
}
