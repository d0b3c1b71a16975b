/**
 * Everything that can be read over HTTP with one token, as one text to look for something in: every question of the API, of every job,
 * schedule, group and webhook that is named.
 */

import type { Operation } from '../../doors/api/operation.ts';

interface Asked {
  url: string;
  token: string;
  /** Whose place in a path this is: `jobs`, `schedules`, … */
  named: Readonly<Record<string, readonly string[]>>;
  /** Jobs that have settled: the events of others would go on. */
  settled: readonly string[];
  /** Added to paths: words to search for, and the like. */
  queries?: Readonly<Record<string, readonly string[]>>;
}

export interface Read {
  path: string;
  status: number;
  text: string;
}

export async function readEverything(operations: readonly Operation[], asked: Asked): Promise<readonly Read[]> {
  const questions = operations.filter(({ method }) => method === 'get').map(({ path }) => path);
  const events = asked.settled.map((id) => `/v1/jobs/${id}/events`);
  const paths = [...questions.flatMap((path) => pathsOf(path, asked)), ...events];
  const all: Read[] = [];
  for (const path of paths) {
    const response = await fetch(`${asked.url}${path}`, { headers: { authorization: `Bearer ${asked.token}` } });
    all.push({ path, status: response.status, text: await response.text() });
  }
  return all;
}

function pathsOf(path: string, { named, queries = {} }: Asked): readonly string[] {
  const [, noun = ''] = /^\/v1\/([a-z]+)/.exec(path) ?? [];
  const filled = path.includes('{')
    ? (named[noun] ?? ['nothing']).map((name) => path.replace(/\{\w+\}/, encodeURIComponent(name)))
    : [path];
  return [...filled, ...(queries[path] ?? []).map((query) => `${path}?${query}`)];
}
