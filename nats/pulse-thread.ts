/**
 * The thread that keeps a worker's pulse: it has a connection of its own, so that a handler which blocks the
 * worker's main loop stops no pulse. It is told each new pulse, and tells how long the main loop has been silent.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { SystemClock } from '../runtime/clock.ts';
import type { Pulse } from '../runtime/ports.ts';
import type { BrokerAddress } from './address.ts';
import { encodeJson } from './codec.ts';
import { connectBroker } from './connection.ts';
import { hint } from './hint.ts';

/** What the thread is started with. `ticks` is shared: its first cell is the main loop's last turn, `mono` ms. */
export interface PulseThreadData {
  address: BrokerAddress;
  subject: string;
  everyMs: number;
  pulse: Pulse;
  ticks: SharedArrayBuffer;
}

const clock = new SystemClock();
const data: PulseThreadData = workerData;
const ticks = new Float64Array(data.ticks);
let pulse = data.pulse;

const connection = await connectBroker(data.address, { name: `${pulse.name} pulse` });

function beat(): void {
  const loopLagMs = Math.max(0, Math.round(clock.mono() - (ticks[0] ?? 0)));
  hint(connection, data.subject, encodeJson({ ...pulse, loopLagMs }));
}

parentPort?.on('message', (next: Pulse | 'stop') => {
  if (next === 'stop') {
    stopBeating();
    void leave();
    return;
  }
  const urgent = next.status !== pulse.status;
  pulse = next;
  if (urgent) beat();
});

async function leave(): Promise<void> {
  await connection.flush().catch(() => undefined);
  await connection.close();
  parentPort?.close();
}

beat();
const stopBeating = clock.every(data.everyMs, beat);
parentPort?.postMessage('beating');
