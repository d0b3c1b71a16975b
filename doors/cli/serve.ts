/**
 * A process that serves until it is told to stop.
 *
 * The first wish to stop is carried out in order, and further ones hurry it. Where the order cannot be kept (a broker
 * that is away takes neither a lease nor a result back), the process ends all the same: the cluster knows what to do
 * about processes that are gone.
 */

import { rest } from '../../cluster/pace.ts';
import { exitCodes } from './exit.ts';
import { onInsist } from './insist.ts';
import type { Terminal } from './terminal.ts';

export interface Service {
  /** Starts it, and resolves with what stops it: called again at each further wish. */
  start(): Promise<() => Promise<void>>;
  /** Wishes that are passed on; the next one ends the process as it is. */
  patience: number;
  /** How long stopping may take. */
  withinMs: number;
}

/**
 * Resolves when the service was asked to stop and has stopped. It can be asked from the first moment: one that is
 * still starting may hold a lease or claims already, and stops in order as soon as it has started.
 */
export async function serve({ start, patience, withinMs }: Service, terminal: Terminal): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  // A start that fails is told below, whether or not somebody wished to stop meanwhile.
  stopped.promise.catch(() => undefined);
  const leave = onInsist((count) => {
    if (count > patience) process.exit(exitCodes.interrupted);
    started.then((stop) => stop()).then(stopped.resolve, stopped.reject);
    asked.resolve();
  });
  const started = start();
  await started.catch((cause: unknown) => {
    leave();
    throw cause;
  });
  await asked.promise;
  const inTime = new AbortController();
  const late = rest(withinMs, inTime.signal).then(() => {
    if (!inTime.signal.aborted) giveUp(terminal);
  });
  await stopped.promise.finally(() => inTime.abort());
  await late;
  leave();
}

function giveUp(terminal: Terminal): never {
  terminal.say('yard: Expected to stop in order, and the broker does not answer. Stopped all the same.');
  process.exit(exitCodes.failed);
}
