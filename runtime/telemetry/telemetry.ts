/**
 * How a process tells what it does, and how others listen: the log, the metrics, and tests that wait.
 *
 * Telling is synchronous, costs next to nothing when nobody listens, and changes nothing in the teller.
 */

import { type EventFacts, type EventName, isTold, type Told } from './event.ts';

/** Ends a subscription. */
export type Unsubscribe = () => void;

export interface Telemetry {
  tell<Name extends EventName>(name: Name, facts: EventFacts[Name]): void;
  /** Calls back with every event. */
  subscribe(listener: (told: Told) => void): Unsubscribe;
  /** Calls back with each event of this name. */
  on<Name extends EventName>(name: Name, listener: (facts: EventFacts[Name]) => void): Unsubscribe;
}

/** The telemetry of one process. */
export function createTelemetry(): Telemetry {
  const all = new Set<(told: Told) => void>();
  const byName = new Map<EventName, Set<(told: Told) => void>>();

  return {
    tell: (name, facts) => {
      const told = { name, facts };
      for (const listener of byName.get(name) ?? []) listener(told);
      for (const listener of all) listener(told);
    },
    subscribe: (listener) => join(all, listener),
    on: (name, listener) => {
      const listeners = byName.get(name) ?? new Set();
      byName.set(name, listeners);
      return join(listeners, (told) => void (isTold(told, name) && listener(told.facts)));
    },
  };
}

function join(listeners: Set<(told: Told) => void>, listener: (told: Told) => void): Unsubscribe {
  const own = (told: Told) => listener(told);
  listeners.add(own);
  return () => void listeners.delete(own);
}

/**
 * The facts of the next event of this name for which `when` holds.
 *
 * @example await next(telemetry, 'worker.joined', (facts) => facts.name === 'gpu-1')
 */
export function next<Name extends EventName>(
  telemetry: Telemetry,
  name: Name,
  when: (facts: EventFacts[Name]) => boolean = () => true,
): Promise<EventFacts[Name]> {
  return new Promise((resolve) => {
    const stop = telemetry.on(name, (facts) => {
      if (!when(facts)) return;
      stop();
      resolve(facts);
    });
  });
}
