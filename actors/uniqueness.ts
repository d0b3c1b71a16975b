/**
 * The key of a unique rule: what a submitter or a job type says of uniqueness, made complete.
 *
 * Pure. The key is a hash of what shall be the same: the type, the payload in any order of its fields, a text of the
 * submitter's. Its scope is the tenant.
 */

import { createHash } from 'node:crypto';
import type { UniqueOptions } from '../machines/rules/unique.ts';
import { Fault } from '../runtime/faults.ts';
import type { Unique } from '../runtime/record.ts';

/** What is to be unique. */
export interface Subject {
  tenant: string;
  type: string;
  payload: unknown;
}

/**
 * The rule of a job, `undefined` where it has none. What the submitter says goes before what the type says.
 *
 * @throws {Fault} `input.invalid` where nothing says what makes the key.
 */
export function uniqueOf(
  subject: Subject,
  said: UniqueOptions | undefined,
  byType: UniqueOptions | undefined,
): Unique | undefined {
  if (said === undefined && byType === undefined) return undefined;
  const isNamed = said?.by !== undefined || said?.key !== undefined;
  const { by, key } = (isNamed ? said : byType) ?? {};
  const { periodMs, while: until = 'open', onConflict = 'reject' } = { ...byType, ...said };
  if (by === undefined && key === undefined)
    throw new Fault(
      'input.invalid',
      'Expected `Unique` or `Unique-Key` beside the rest of a unique rule, got neither. Say what must not be there twice, for example `Unique: type+payload`.',
    );
  return {
    key: `_unique.${subject.tenant}.${hashOf(subject, by, key)}`,
    by: inWords(subject, by, key),
    while: until,
    onConflict,
    ...(periodMs === undefined ? {} : { periodMs }),
  };
}

function hashOf({ type, payload }: Subject, by: UniqueOptions['by'], key: string | undefined): string {
  const parts = [by === undefined ? null : type, by === 'type+payload' ? payload : null, key ?? null];
  return hashOfText(JSON.stringify(parts, inOneOrder));
}

function inWords({ type }: Subject, by: UniqueOptions['by'], key: string | undefined): string {
  const ofType = by === 'type+payload' ? `type ${type} and its payload` : `type ${type}`;
  if (key === undefined) return ofType;
  const named = key.length > 60 ? `${key.slice(0, 60)}…` : key;
  return by === undefined ? `key ${named}` : `${ofType}, key ${named}`;
}

/** Headers and fields may come in any order: what says the same is the same. */
export function inOneOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** 22 letters, digits, `-` and `_`. */
export function hashOfText(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
