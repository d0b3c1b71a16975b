/**
 * A process that serves until it is told to stop.
 *
 * The first wish to stop is carried out in order, and further ones hurry it. Where the order cannot be kept (a broker
 * that is away takes neither a lease nor a result back), the process ends all the same: the cluster knows what to do
 * about processes that are gone.
 *
 * An error that nobody caught is told where everything else is told, and ends the process in order: who led gives the lease
 * back. One who runs handlers goes on after a promise of which nobody knows the end: it is most likely a handler's, and its
 * neighbours have done nothing. After anything else it ends at once, so that what ran is lost with it, and counts: a job that
 * breaks every worker must come to its end one day.
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
  /** Hears of an error that nobody caught, and what to call it. */
  astray(what: string, error: string): void;
  /** Whether it goes on after a promise was rejected that nobody waited for. */
  runsHandlers?: boolean;
}

/** Who is broken has so long to leave in order. */
const leavesWithinMs = 3_000;
/** Characters that are told of an error. */
const longest = 2_000;

/**
 * Resolves when the service was asked to stop and has stopped. It can be asked from the first moment: one that is
 * still starting may hold a lease or claims already, and stops in order as soon as it has started.
 */
export async function serve(service: Service, terminal: Terminal): Promise<void> {
  const { start, patience, withinMs } = service;
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
  watchForErrors(service, started);
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

/** For as long as the process lives. */
function watchForErrors({ astray, runsHandlers = false }: Service, started: Promise<() => Promise<void>>): void {
  const tell = (cause: unknown) => astray('something that nobody caught', whole(cause));
  let isLeaving = false;
  const broken = (cause: unknown) => {
    tell(cause);
    if (isLeaving) return;
    isLeaving = true;
    if (runsHandlers) process.exit(exitCodes.failed);
    const left = started.then((stop) => stop());
    void Promise.race([left, rest(leavesWithinMs, new AbortController().signal)]).then(
      () => process.exit(exitCodes.failed),
      () => process.exit(exitCodes.failed),
    );
  };
  process.on('uncaughtException', broken);
  process.on('unhandledRejection', runsHandlers ? tell : broken);
}

/** With where it was thrown. */
function whole(cause: unknown): string {
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return text.slice(0, longest);
}

function giveUp(terminal: Terminal): never {
  terminal.say('yard: Expected to stop in order, and the broker does not answer. Stopped all the same.');
  process.exit(exitCodes.failed);
}
