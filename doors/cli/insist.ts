/**
 * Ctrl-C for who means it: counts how often a person asked to stop.
 *
 * One Ctrl-C arrives more than once: the terminal sends it to everybody in the foreground, and npm, or the older Node
 * that started ours, pass it on as well. So signals that come within half a second are one.
 */

import { monotonicMs } from '../../cluster/pace.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const togetherMs = 500;

/** Calls back with each wish to stop, the first one with 1. The way back leaves signals to Node again. */
export function onInsist(listener: (count: number, signal: NodeJS.Signals) => void): () => void {
  let count = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  const hear = (signal: NodeJS.Signals) => {
    const at = monotonicMs();
    const isEcho = at - lastAt < togetherMs;
    lastAt = at;
    if (!isEcho) listener(++count, signal);
  };
  for (const signal of signals) process.on(signal, hear);
  return () => {
    for (const signal of signals) process.removeListener(signal, hear);
  };
}
