/**
 * News of all jobs from the master, as they happen, handed on once a frame.
 *
 * The stream is open while somebody listens and the page is seen. Whoever comes back, after a lost link or a hidden page, says
 * which news it had last and is told what it missed, by this master or by another.
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
export const link = signal<'off' | 'opening' | 'live' | 'lost'>('off');

/** When something was heard of this master last, epoch ms. */
export const heardAt = signal(Date.now());

const keptAtMost = 50_000;
const againAfterMs = 1_000;
const listeners = new Set<Listener>();
let source: EventSource | undefined;
let timer = 0;
let place = '';
let waiting: News[] = [];
let isDue = false;

/** Calls back with what happened since the last frame, until the result is called. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  open();
  return () => {
    listeners.delete(listener);
    // Whoever goes from page to page listens again at once.
    window.setTimeout(() => listeners.size === 0 && close());
  };
}

document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));

function open(): void {
  if (source !== undefined || listeners.size === 0 || document.hidden) return;
  if (link.value === 'off') link.value = 'opening';
  const opened = new EventSource(`/v1/events${place === '' ? '' : `?after=${encodeURIComponent(place)}`}`);
  source = opened;
  opened.onopen = () => {
    link.value = 'live';
    heardAt.value = Date.now();
  };
  opened.onerror = () => {
    link.value = 'lost';
    // The browser tries again by itself, and knows where it was; what was refused is for us to try again.
    if (opened.readyState !== EventSource.CLOSED) return;
    source = undefined;
    window.clearTimeout(timer);
    timer = window.setTimeout(open, againAfterMs);
  };
  for (const state of stateNames)
    opened.addEventListener(state, ({ data, lastEventId }) => {
      place = lastEventId;
      keep(JSON.parse(data));
    });
  // What cannot be told any more: whoever shows something asks for it anew.
  opened.addEventListener('gap', ({ lastEventId }) => {
    place = lastEventId;
    keep(undefined);
  });
}

function close(): void {
  window.clearTimeout(timer);
  source?.close();
  source = undefined;
  link.value = 'off';
}

function keep(news: News | undefined): void {
  if (news !== undefined && waiting.length < keptAtMost) waiting.push(news);
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    heardAt.value = Date.now();
    const those = waiting;
    waiting = [];
    for (const listener of listeners) listener(those);
  });
}
