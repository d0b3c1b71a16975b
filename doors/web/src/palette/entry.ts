/**
 * What the palette offers for some words: pages, jobs by how their ids begin, workflows, and things to do.
 */

import { pathWith } from '../ask.ts';
import { toggleUtc } from '../moment.ts';
import { base, places } from '../place.ts';
import { may, session } from '../role.ts';
import { toggleTheme } from '../theme.ts';

export interface Entry {
  id: string;
  kind: 'page' | 'job' | 'workflow' | 'action';
  name: string;
  /** Beside it: keys, or what state a job is in. */
  note: string;
  run(): void;
}

type Go = (path: string) => void;

/** Those that need no question to the master. */
export function fixedEntries(go: Go): readonly Entry[] {
  const pages = places
    .filter(({ needs }) => needs === undefined || session.value === undefined || may(needs))
    .map(({ path, name, key }): Entry => ({ ...entry('page', name, `g ${key}`), run: () => go(`${base}${path}`) }));
  const states = ['failed', 'retrying', 'held', 'processing', 'queued'].map(
    (state): Entry => ({
      ...entry('page', `Jobs that are ${state}`, ''),
      run: () => go(pathWith(`${base}/jobs`, { state })),
    }),
  );
  return [
    ...pages,
    ...states,
    { ...entry('action', 'Dark or light', ''), run: toggleTheme },
    { ...entry('action', 'Times in UTC or here', ''), run: toggleUtc },
    { ...entry('action', 'The API, described', ''), run: () => window.location.assign('/docs') },
  ];
}

/** A job, or a workflow. */
export interface Found {
  id: string;
  name?: string | undefined;
  state: string;
}

const pagesOf = { job: 'jobs', workflow: 'workflows' } as const;

export function foundEntry(kind: keyof typeof pagesOf, { id, name, state }: Found, go: Go): Entry {
  const title = name === undefined ? id : `${name} (${id})`;
  return { ...entry(kind, title, state), run: () => go(`${base}/${pagesOf[kind]}/${encodeURIComponent(id)}`) };
}

/** Whatever else the words are, jobs can be searched for them. */
export function searchEntry(text: string, go: Go): Entry {
  return { ...entry('action', `Search jobs for “${text}”`, ''), run: () => go(pathWith(`${base}/jobs`, { q: text })) };
}

function entry(kind: Entry['kind'], name: string, note: string) {
  return { id: `${kind}-${name}`.replaceAll(/\W+/g, '-'), kind, name, note };
}

/** Whether each word is in the name, in any order. */
export function fits(name: string, text: string): boolean {
  const whole = name.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => whole.includes(word));
}
