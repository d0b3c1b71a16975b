/**
 * The thread of the view: a link to the broker of its own, the projector and what it fills, so that neither the loop nor the
 * heap of a master has any part in it. It comes after everything else: where processors are scarce, the view lags.
 */

import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { Projector } from '../actors/projector.ts';
import { Fault, type FaultCode, messageOf } from '../runtime/faults.ts';
import { createTelemetry } from '../runtime/telemetry/telemetry.ts';
import type { ViewAge, ViewAnswer, ViewAsk } from '../runtime/view.ts';
import { SqliteShelf } from '../view/shelf.ts';
import { type LinkSettings, link } from './link.ts';

/** What the thread is told. */
export type ToView = { number: number; ask: ViewAsk } | 'stop';
/** What it tells. */
export type FromView =
  | { number: number; answer: ViewAnswer }
  | { number: number; fault: { code: FaultCode; message: string } }
  | { complete: { jobs: number; revision: number } }
  | { age: ViewAge }
  | { failed: string };

const waitsForMs = 1_000;
const buildsForMs = 2_000;
const politeness = 10;
const tellsAgeEveryMs = 1_000;

// There it is the thread that is given way by, elsewhere it would be the process.
if (process.platform === 'linux') setPriority(0, politeness);

const settings: LinkSettings = workerData;
const telemetry = createTelemetry();
telemetry.on('view.complete', (complete) => tell({ complete }));
telemetry.on('process.failed', ({ error }) => tell({ failed: error }));
const to = await link({ settings, telemetry, role: 'yard view', withFeed: false });
const shelf = new SqliteShelf();
const { store, books } = to.world;
const projector = new Projector({ store, books, shelf, clock: to.clock, telemetry });
projector.start();
to.clock.every(tellsAgeEveryMs, () => tell({ age: projector.age() }));

parentPort?.on('message', (said: ToView) => {
  if (said === 'stop') void leave();
  else void answer(said.number, said.ask);
});

async function answer(number: number, ask: ViewAsk): Promise<void> {
  try {
    await projector.caughtUp(ask.atLeast, projector.age().isBuilding ? buildsForMs : waitsForMs);
    const said = ask.what === 'keys' ? { page: shelf.list(ask.query) } : { counts: shelf.counts(ask.tenant) };
    tell({ number, answer: { age: projector.age(), ...said } });
  } catch (cause) {
    const { code } = cause instanceof Fault ? cause : new Fault('broker.refused', messageOf(cause));
    tell({ number, fault: { code, message: messageOf(cause) } });
  }
}

async function leave(): Promise<void> {
  await projector.stop();
  shelf[Symbol.dispose]();
  await to[Symbol.asyncDispose]();
  parentPort?.close();
}

function tell(what: FromView): void {
  parentPort?.postMessage(what);
}
