/**
 * Ctrl-C and its like: the first one asks to stop, the second one insists.
 *
 * A process that listens for none dies of the first, as ever.
 */

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A person stopped the command; what it waited for goes on without it. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Resolves with the name of the next signal that asks this process to stop. */
export function nextInterrupt(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const hear = (signal: NodeJS.Signals) => {
      for (const each of signals) process.removeListener(each, hear);
      resolve(signal);
    };
    for (const each of signals) process.on(each, hear);
  });
}

/** Fires at the next interrupt, with `Interrupted` as its reason; the one after that kills the process. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  void nextInterrupt().then((signal) => controller.abort(new Interrupted(`Stopped by ${signal}.`)));
  return controller.signal;
}
