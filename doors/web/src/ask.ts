/**
 * Questions to the API of the master that serves the pages. Who is not let in is shown the way in (`signedOut`).
 */

import { signal } from '@preact/signals';

export interface WrongField {
  path: string;
  message: string;
}

interface ProblemBody {
  code?: string;
  detail?: string;
  errors?: readonly WrongField[];
}

/** What went wrong, in the words of the API (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  /** What was wrong at which field, by its JSON pointer. */
  readonly errors: readonly WrongField[];

  constructor(status: number, { code = 'unknown', detail, errors = [] }: ProblemBody) {
    super(detail ?? `The master answered with ${status}.`);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

/** Whether the API asks for a token that we do not have. */
export const signedOut = signal(false);

export interface Request {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: unknown;
  signal?: AbortSignal;
}

/** @throws {Problem} */
export async function ask<Answer>(path: string, { method = 'GET', body, signal: left }: Request = {}): Promise<Answer> {
  const response = await fetch(path, {
    method,
    credentials: 'same-origin',
    headers: { 'x-yard-session': '1', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(left === undefined ? {} : { signal: left }),
  }).catch((cause: unknown) => {
    if (left?.aborted) throw cause;
    throw new Problem(0, { code: 'link.lost', detail: 'This master does not answer. It may be restarting.' });
  });
  if (response.status === 401) signedOut.value = true;
  const isJson = /^application\/(?:problem\+)?json/.test(response.headers.get('content-type') ?? '');
  const answer = isJson ? await response.json() : await response.text();
  if (!response.ok) throw new Problem(response.status, isJson ? answer : {});
  return answer;
}

/** `path?…` of what is given; what is empty or missing is left out, a list is repeated. */
export function pathWith(
  path: string,
  query: Readonly<Record<string, string | number | readonly string[] | undefined>>,
) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined && one !== '') search.append(name, String(one));
  const text = search.toString();
  return text === '' ? path : `${path}?${text}`;
}
