/**
 * Ctrl-C for a command that waits: the first one ends the waiting in order, the second one ends the process.
 */

import { onInsist } from './insist.ts';

/** What a process ends with that was interrupted, by the custom of shells: 128 and the number of SIGINT. */
export const interrupted = 130;

/** A person stopped the command; what it waited for goes on without it. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Fires when a person asks to stop, with `Interrupted` as its reason. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  onInsist((count, signal) => {
    if (count > 1) process.exit(interrupted);
    controller.abort(new Interrupted(`Stopped by ${signal}.`));
  });
  return controller.signal;
}
