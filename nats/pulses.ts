/**
 * Signs of life of workers, once a second on a core subject: never stored, never through a write that must agree.
 *
 * Silence means something only to who can hear, so a listener's hearing is proven (`proven.ts`), twice a second.
 */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type { Pulse, Pulses, Stop } from '../runtime/ports.ts';
import type { BrokerAddress } from './address.ts';
import { isObject } from './codec.ts';
import { readJson } from './listen.ts';
import type { Names } from './names.ts';
import { listenProven } from './proven.ts';
import type { PulseThreadData } from './pulse-thread.ts';

export interface PulsesOptions {
  connection: NatsConnection;
  address: BrokerAddress;
  names: Names;
  clock: Clock;
  everyMs: number;
}

const proveEveryMs = 500;

export function natsPulses(options: PulsesOptions): Pulses {
  return {
    beat: (pulse) => startBeating(options, pulse),
    listen: (onPulse, onEcho = () => {}): Promise<Stop> =>
      listenProven({
        connection: options.connection,
        clock: options.clock,
        subject: options.names.allPulses,
        echo: options.names.pulse(`echo_${options.clock.unique()}`),
        everyMs: proveEveryMs,
        onMessage: (message) => {
          const pulse = readJson<Pulse>(message);
          if (isPulse(pulse)) onPulse(pulse);
        },
        onEcho,
      }),
  };
}

/** Whoever says something else there is no worker of ours. */
function isPulse(value: unknown): value is Pulse {
  if (!isObject(value)) return false;
  const { incarnation, name, status, capacity, claims } = value;
  const isNamed = typeof incarnation === 'string' && typeof name === 'string' && typeof status === 'string';
  return isNamed && isObject(capacity) && Array.isArray(capacity['types']) && isObject(claims);
}

async function startBeating(options: PulsesOptions, pulse: Pulse) {
  const ticks = new SharedArrayBuffer(8);
  const cell = new Float64Array(ticks);
  const tick = () => {
    cell[0] = options.clock.mono();
  };
  tick();
  const stopTicking = options.clock.every(250, tick);
  const data: PulseThreadData = {
    address: options.address,
    subject: options.names.pulse(pulse.incarnation),
    everyMs: options.everyMs,
    pulse,
    ticks,
  };
  const thread = new Worker(threadFile(), { workerData: data });
  await once(thread, 'message');
  return {
    update: (next: Pulse) => thread.postMessage(next),
    stop: async () => {
      stopTicking();
      const gone = once(thread, 'exit');
      thread.postMessage('stop');
      thread.unref();
      await gone;
    },
  };
}

/** The thread's file beside this one: TypeScript in a checkout, JavaScript in the package. */
function threadFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './pulse-thread.ts' : './pulse-thread.js', import.meta.url);
}
