/**
 * News of all jobs from the master, as they happen, handed on once a frame.
 *
 * The stream is open while somebody listens and the page is seen. A lost link is found again by the browser, which says what
 * it had last.
 */

import { signal } from '@preact/signals';
import { stateNames } from './part/state.tsx';

/** One transition of one job. */
export interface News {
  id: string;
  type: string;
  queue: string;
  priority: string;
  n: number;
  at: number;
  event: string;
  from: string;
  to: string;
  attempt: number;
  reason?: string;
}

type Listener = (news: readonly News[]) => void;

/** How the stream is: `off` while nobody listens or the page is hidden. */
export const link = signal<'off' | 'live' | 'lost'>('off');

const keptAtMost = 20_000;
const listeners = new Set<Listener>();
let source: EventSource | undefined;
let waiting: News[] = [];
let isDue = false;

/** Calls back with what happened since the last frame, until the result is called. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  open();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) close();
  };
}

document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));

function open(): void {
  if (source !== undefined || listeners.size === 0 || document.hidden) return;
  source = new EventSource('/v1/events');
  source.onopen = () => {
    link.value = 'live';
  };
  source.onerror = () => {
    link.value = 'lost';
    if (source?.readyState !== EventSource.CLOSED) return;
    close();
    window.setTimeout(open, 2_000);
  };
  for (const state of stateNames) source.addEventListener(state, ({ data }) => keep(JSON.parse(data)));
}

function close(): void {
  source?.close();
  source = undefined;
  link.value = 'off';
}

function keep(news: News): void {
  if (waiting.length < keptAtMost) waiting.push(news);
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    const those = waiting;
    waiting = [];
    for (const listener of listeners) listener(those);
  });
}
