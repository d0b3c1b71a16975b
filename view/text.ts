/**
 * What of a job can be found by its words, and what somebody searches for, as SQLite's FTS5 reads it.
 *
 * Nothing that is secret is among the words, however deep; of a large payload the beginning is.
 */

import { isSecretName, textWithoutSecrets } from '../machines/rules/secret.ts';
import { Fault } from '../runtime/faults.ts';
import type { JobRecord } from '../runtime/record.ts';

const mostPayload = 4_096;
const mostError = 1_024;
const leastBeginning = 2;

/** The words of a job. */
export function textOf(record: JobRecord): string {
  const { id, name = '', type, tags = [], payload, context } = record;
  const words: string[] = [];
  gather(payload, words, { left: mostPayload });
  return [id, name, type, ...tags, context.error?.message.slice(0, mostError) ?? '', ...words].join(' \n');
}

/** Names and values of all fields that are not secret, until there are enough. */
function gather(value: unknown, words: string[], room: { left: number }): void {
  if (room.left <= 0 || value === null || value === undefined) return;
  if (typeof value !== 'object') {
    const word = textWithoutSecrets(String(value)).slice(0, room.left);
    room.left -= word.length + 1;
    words.push(word);
  } else if (Array.isArray(value)) for (const each of value) gather(each, words, room);
  else
    for (const [name, each] of Object.entries(value)) {
      gather(name, words, room);
      if (!isSecretName(name)) gather(each, words, room);
    }
}

/**
 * What was searched for, as FTS5 reads it: all of it must be there, in any order.
 *
 * @throws {Fault} `input.invalid` where there is no word in it.
 */
export function matchOf(search: string): string {
  const phrases = [...search.matchAll(/"([^"]*)"?|(\S+)/g)].flatMap(([, quoted, plain]) =>
    phraseOf(quoted ?? plain ?? ''),
  );
  if (phrases.length > 0) return phrases.join(' AND ');
  throw new Fault('input.invalid', `Expected words to search for, got \`${search}\`. Search for letters or digits.`);
}

/** Within quotes FTS5 takes words apart as it did those that it keeps. */
function phraseOf(text: string): readonly string[] {
  const words = text.replaceAll(/["\0]/g, ' ');
  const letters = words.replaceAll(/[^\p{L}\p{N}\p{Co}]/gu, '').length;
  if (letters === 0) return [];
  return [`"${words}"${text.endsWith('*') && letters >= leastBeginning ? '*' : ''}`];
}

/** A number that differs where the text does, but for one in nine million billion cases. */
export function mark(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    high = Math.imul(high ^ code, 2_654_435_761);
    low = Math.imul(low ^ code, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return 4_294_967_296 * (2_097_151 & low) + (high >>> 0);
}
