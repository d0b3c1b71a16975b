/**
 * The view beside a master: started at the first question to it, so that a master nobody asks pays nothing; a thread that ends is
 * started again by the next question.
 *
 * And the other side: questions to it from any process. Every master that has one answers, and the first answer counts, so one
 * that is frozen keeps nobody waiting.
 */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { Desk } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { ViewAge, ViewAnswer, ViewAsk } from '../runtime/view.ts';
import { isObject } from './desk-answer.ts';
import type { LinkSettings } from './link.ts';
import type { FromView, ToView } from './view-thread.ts';

const heapMb = 256;
const stopsWithinMs = 1_500;
/** Longer than the view waits for itself, with a start of its thread. */
const answersWithinMs = 6_000;

export class ViewThread {
  readonly #settings: LinkSettings;
  readonly #telemetry: Telemetry;
  readonly #clock: Clock;
  readonly #asked = new Map<number, PromiseWithResolvers<ViewAnswer>>();
  #thread: Worker | undefined;
  /** How old the view was, and when it said so (monotonic, ms). */
  #age: { age: ViewAge; at: number } | undefined;
  #asks = 0;
  #stopped = false;

  constructor({ settings, telemetry, clock }: { settings: LinkSettings; telemetry: Telemetry; clock: Clock }) {
    this.#clock = clock;
    this.#settings = settings;
    this.#telemetry = telemetry;
  }

  /** Whether somebody has asked it, so that it is there. */
  get isThere(): boolean {
    return this.#thread !== undefined;
  }

  /** @throws {Fault} what the answer failed with; `broker.unavailable` where the thread ended meanwhile. */
  answer(ask: ViewAsk): Promise<ViewAnswer> {
    if (this.#stopped) return Promise.reject(ended());
    const number = ++this.#asks;
    const asked = Promise.withResolvers<ViewAnswer>();
    this.#asked.set(number, asked);
    this.#thread ??= this.#start();
    this.#say(this.#thread, { number, ask });
    return asked.promise;
  }

  /** How far the view may lag behind the stream, ms; `undefined` while there is none, or it is being made. */
  lagMs(): number | undefined {
    if (this.#age === undefined || this.#age.age.isBuilding) return undefined;
    return this.#age.age.behindMs + this.#clock.mono() - this.#age.at;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const thread = this.#thread;
    if (thread === undefined) return;
    const gone = once(thread, 'exit');
    this.#say(thread, 'stop');
    // A broker that is away would keep it for as long; nothing of it is worth waiting for.
    const giveUp = this.#clock.after(stopsWithinMs, () => void thread.terminate());
    await gone;
    giveUp();
  }

  #say(thread: Worker, what: ToView): void {
    thread.postMessage(what);
  }

  #start(): Worker {
    const thread = new Worker(threadFile(), {
      workerData: structuredClone({ ...this.#settings, origins: undefined }),
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    thread.on('message', (told: FromView) => this.#hear(told));
    thread.on('error', (cause) => this.#failed(String(cause)));
    thread.on('exit', () => {
      this.#thread = undefined;
      this.#age = undefined;
      for (const { reject } of this.#asked.values()) reject(ended());
      this.#asked.clear();
    });
    return thread;
  }

  #hear(told: FromView): void {
    if ('complete' in told) return this.#telemetry.tell('view.complete', told.complete);
    if ('failed' in told) return this.#failed(told.failed);
    if ('age' in told) {
      this.#age = { age: told.age, at: this.#clock.mono() };
      return;
    }
    const asked = this.#asked.get(told.number);
    this.#asked.delete(told.number);
    if ('answer' in told) asked?.resolve(told.answer);
    else asked?.reject(new Fault(told.fault.code, told.fault.message));
  }

  #failed(error: string): void {
    this.#telemetry.tell('process.failed', { what: 'the view', error });
  }
}

function ended(): Fault {
  return new Fault('broker.unavailable', 'Expected the view to answer, it has just ended. Try again.');
}

/** What the question `view` holds, where it is one. */
export function viewAskOf(ask: unknown): ViewAsk | undefined {
  return isViewAsk(ask) ? ask : undefined;
}

function isViewAsk(ask: unknown): ask is ViewAsk {
  if (!isObject(ask) || typeof ask['atLeast'] !== 'number') return false;
  const { what, query } = ask;
  return what === 'counts' || (what === 'keys' && isObject(query) && typeof query['limit'] === 'number');
}

/** The answer of a view; `undefined` where no master has one. @throws {Fault} `input.invalid` */
export async function askView(desk: Desk, ask: ViewAsk): Promise<ViewAnswer | undefined> {
  const answer = await desk.ask('view', ask, answersWithinMs);
  return isViewAnswer(answer) ? answer : undefined;
}

function isViewAnswer(answer: unknown): answer is ViewAnswer {
  if (!isObject(answer) || !isObject(answer['age'])) return false;
  const { page, counts } = answer;
  return Array.isArray(counts) || (isObject(page) && Array.isArray(page['keys']));
}

/** TypeScript in a checkout, JavaScript in the package. */
function threadFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './view-thread.ts' : './view-thread.js', import.meta.url);
}
