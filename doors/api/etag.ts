/**
 * Entity tags (RFC 9110): an answer that is as it was is not sent again, and a change is made only to what is as it was read.
 *
 * The tag is made from the answer, so it is the same at any master and at every door.
 */

import { createHash } from 'node:crypto';
import type { Answer, Reply } from './operation.ts';

/** What a request may say, for those whose answer has a tag. */
export const asItWas = { 'If-None-Match': 'The `ETag` of a former answer: 304 where it is as it was.' };

const tag = { ETag: 'Of what is answered, as it is.' };

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

function etagOf(body: unknown): string {
  return `"${createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 22)}"`;
}

/** Whether a list of tags, or `*`, has this one; a weak one of the same name is it too. */
export function isAsItWas(list: string | undefined, etag: string): boolean {
  if (list === undefined) return false;
  const said = list.split(',').map((each) => each.trim().replace(/^W\//, ''));
  return said.includes(etag) || said.includes('*');
}
