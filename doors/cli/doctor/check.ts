/**
 * What a check of `yard doctor` is: what is expected, and what is made of what was found.
 *
 * A check looks at findings and at nothing else, so each can be tried with findings that are made up. Promises that where
 * something is wrong there is a cure: a command to type, or a line to write.
 */

import type { Findings, Known } from './findings.ts';

export const areas = ['machine', 'broker', 'masters', 'workers', 'jobs', 'doors'] as const;
export type Area = (typeof areas)[number];

export type Status = 'ok' | 'warn' | 'fail' | 'skip';

/** What is made of what was found. */
export interface Verdict {
  status: Status;
  met: string;
  /** What puts it right. */
  cure?: string;
}

export interface Check {
  area: Area;
  /** Unique; what `yard doctor NAME` runs. */
  name: string;
  expected: string;
  judge(found: Findings): Verdict;
}

/** A check with its verdict: one row of the answer. */
export interface Result extends Verdict {
  area: Area;
  name: string;
  expected: string;
}

export function ok(met: string): Verdict {
  return { status: 'ok', met };
}

export function warn(met: string, cure: string): Verdict {
  return { status: 'warn', met, cure };
}

export function fail(met: string, cure: string): Verdict {
  return { status: 'fail', met, cure };
}

/** It cannot be told, or is not asked here. */
export function skip(why: string): Verdict {
  return { status: 'skip', met: why };
}

/** A verdict on what is known; where it is not, there is none. */
export function about<Value>(known: Known<Value>, judge: (value: Value) => Verdict): Verdict {
  return known.isKnown ? judge(known.value) : skip(known.why);
}

/** `1 worker`, `3 workers`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

const namedAtMost = 3;

/** The first few of them, and how many more. */
export function named(all: readonly string[]): string {
  const more = all.length - namedAtMost;
  return more > 0 ? `${all.slice(0, namedAtMost).join(', ')} and ${more} more` : all.join(', ');
}
