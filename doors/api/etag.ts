/**
 * Entity tags (RFC 9110): an answer that is as it was is not sent again, and a change is made only to what is as it was read.
 *
 * The tag is made from the answer, so it is the same at any master and at every door.
 */

import { createHash } from 'node:crypto';
import { Fault, type JobRecord } from '../../sdk/index.ts';
import type { Answer, Reply } from './operation.ts';

/** What a request may say, for those whose answer has a tag. */
export const asItWas = { 'If-None-Match': 'The `ETag` of a former answer: 304 where it is as it was.' };

/** What a change may say. */
export const onlyAsItWas = {
  'If-Match': 'The `ETag` of what was read: 412 where it is not so any more, and nothing is changed.',
};

export const tag = { ETag: 'Of what is answered, as it is.' };

type Header = (name: string) => string | undefined;

/** The replies of an operation whose answer has a tag. */
export function tells(reply: Reply): { 200: Reply; 304: Reply } {
  return { 200: { ...reply, headers: { ...reply.headers, ...tag } }, 304: { description: 'As it was.', headers: tag } };
}

/** The answer with its tag; without what is in it where whoever asks has that. */
export function tagged({ header }: { header(name: string): string | undefined }, body: unknown): Answer {
  const etag = etagOf(body);
  const headers = { etag };
  return isAsItWas(header('if-none-match'), etag) ? { status: 304, headers } : { body, headers };
}

/** The answer of a change, with the tag of what there is then. */
export function changed(body: unknown, etag = etagOf(body)): Answer {
  return { body, headers: { etag } };
}

export function etagOf(body: unknown): string {
  return `"${createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 22)}"`;
}

/** Whether a list of tags, or `*`, has this one; a weak one of the same name is it too. */
export function isAsItWas(list: string | undefined, etag: string): boolean {
  if (list === undefined) return false;
  const said = list.split(',').map((each) => each.trim().replace(/^W\//, ''));
  return said.includes(etag) || said.includes('*');
}

/** Of a job: the number of its last transition, and when it was heard of last. */
export function etagOfJob({ transitions, progress, updatedAt }: JobRecord): string {
  return `"${transitions.at(-1)?.n ?? 0}-${progress?.at ?? updatedAt}"`;
}

/** `If-Match` as a change takes it. @throws {Fault} `precondition.failed`, when it is shown something else. */
export function expecting<Thing>(
  header: Header,
  tagOf: (now: Thing) => string = etagOf,
): { expect?: (now: Thing) => void } {
  return expectingAs(header, tagOf, isAsItWas);
}

/** As `expecting`; that a job was heard of since changes nothing about what somebody decides. */
export function expectingJob(header: Header): { expect?: (now: JobRecord) => void } {
  const transition = (etag: string) => etag.replace(/-\d+"/g, '"');
  return expectingAs(header, etagOfJob, (list, etag) => isAsItWas(transition(list), transition(etag)));
}

function expectingAs<Thing>(
  header: Header,
  tagOf: (now: Thing) => string,
  isOneOf: (list: string, etag: string) => boolean,
): { expect?: (now: Thing) => void } {
  const expected = header('if-match');
  if (expected === undefined) return {};
  return {
    expect(now) {
      const met = tagOf(now);
      if (isOneOf(expected, met)) return;
      throw new Fault(
        'precondition.failed',
        `Expected what is to be changed to be as it was at ${expected.slice(0, 200)}, it is at ${met}: it was changed since. Read it again, and decide anew.`,
        { facts: { expected: expected.slice(0, 200), met } },
      );
    },
  };
}
