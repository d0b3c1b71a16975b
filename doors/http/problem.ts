/**
 * Problems as answers of HTTP: with the status, and with when to try again.
 */

import { HTTPException } from 'hono/http-exception';
import { Fault } from '../../sdk/index.ts';
import { type Problem, problemOf, problemWith } from '../api/problem.ts';

const contentType = 'application/problem+json';

/** Where time may help, in how many seconds: of a broker that is away, of jobs that end. */
const retryAfter: Readonly<Record<number, number>> = { 429: 5, 503: 1 };

const again = { 'Retry-After': 'In how many seconds it may go better.' };

/** Headers that an answer of a status always has, and what they mean. */
export const problemHeaders: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  401: { 'WWW-Authenticate': 'That a token is asked for.' },
  429: again,
  503: again,
};

/** The answer to a request that came to nothing. */
export function answerProblem(cause: unknown): Response {
  const told = cause instanceof HTTPException ? unread(cause) : problemOf(cause);
  const answer = answered(told);
  if (told.status === 401) answer.headers.set('www-authenticate', 'Bearer realm="yardmaster"');
  const againInMs = cause instanceof Fault ? cause.facts['againInMs'] : undefined;
  if (typeof againInMs === 'number') answer.headers.set('retry-after', String(Math.ceil(againInMs / 1_000)));
  return answer;
}

/** The answer to a request that reached no operation. */
export function answerRefused(status: number, code: string, detail: string): Response {
  return answered(problemWith(status, code, detail));
}

function answered(told: Problem): Response {
  const againInS = retryAfter[told.status];
  const later: Record<string, string> = againInS === undefined ? {} : { 'retry-after': String(againInS) };
  return new Response(JSON.stringify(told), {
    status: told.status,
    headers: { 'content-type': contentType, ...later },
  });
}

/** What the framework refused before an operation saw it. */
function unread({ status, message }: HTTPException): Problem {
  return problemWith(status, status === 400 ? 'request.unreadable' : 'request.refused', message);
}
