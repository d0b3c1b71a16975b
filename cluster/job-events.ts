/**
 * Events of jobs from a place on, for whoever listens: what happened since then, and then what happens. Each one once and in
 * one order, whichever process tells it, so a listener whose process was killed goes on at another one.
 *
 * The order is `actors/chronicle.ts`; here is where it begins, what of it is wanted, and what cannot be told any more:
 *
 *   a cursor   `48213.4.mh3k2x1p`: the write that stored it, the number of the transition in its job, and when that was (base 36).
 *              All before it was told. The moment says whether the stream is the one that it was of, and what may be forgotten.
 *   a gap      between two revisions something may be missing. Of one job: its record dropped older transitions (`dropped`), was
 *              removed by hand (`removed`), or only a newer version reads it (`unreadable`). Of all: the stream is another one,
 *              or has lost its end (`rolled back`), or jobs that settled since may have been forgotten with all that they went
 *              through (`forgotten`): those are older than retention says, or the oldest that is kept is younger than the cursor.
 *
 * What follows a gap is told as ever. A broker that is away, or dies, is waited for, and read on from the place that was reached;
 * one that was started anew is first asked whether it still has what was told last. Nothing piles up for a listener that is slow:
 * it reads the stream at its own pace.
 */

import { Chronicle, type JobGap, type News, type Place, type Told } from '../actors/chronicle.ts';
import { isSettled, type JobState } from '../machines/job.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import { type Clock, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { idIn } from '../runtime/key.ts';
import type { JobStore, StoreState, Tail } from '../runtime/ports.ts';
import type { JobRecord, Transition } from '../runtime/record.ts';

/** Of which jobs; what is not said is not asked for. A job has its queue and its priority as they are when it is read. */
export interface EventFilter {
  id?: string | undefined;
  /** How the id begins. */
  prefix?: string | undefined;
  type?: string | undefined;
  queue?: string | undefined;
  priority?: Priority | undefined;
  tag?: string | undefined;
  /** The id of the workflow that it belongs to. */
  workflow?: string | undefined;
  /** Only transitions into one of these states. */
  state?: JobState | readonly JobState[] | undefined;
}

export interface EventOptions extends EventFilter {
  /** The cursor of the last event that is known; from now on unless given. */
  after?: string | undefined;
  /** Ends it. */
  signal?: AbortSignal | undefined;
}

/** Something happened to a job, or something may be missing. */
export type JobEvent = {
  /** Where to go on behind it; absent where that is not known yet. */
  cursor?: string;
} & (
  | ({ kind: 'transition'; id: string } & EventJob & { transition: Transition })
  | {
      kind: 'gap';
      why: JobGap | 'rolled back' | 'forgotten';
      /** Between these revisions. */
      from: number;
      to: number;
      /** Of this job; of any that pass the filter unless given. */
      id?: string;
      /** So many transitions at most, where that is known. */
      atMost?: number;
    }
);

type EventJob = Pick<JobRecord, 'type' | 'queue' | 'priority' | 'name' | 'tags'> & { workflow?: string };

export interface EventParts {
  world: { store: Pick<JobStore, 'broker' | 'state' | 'read' | 'changesAfter'>; tail: Tail };
  clock: Clock;
  tenant: string;
  /** How long settled jobs are kept at least, ms, and how many of them at most. */
  keptForMs: number;
  keptAtMost: number;
}

type Cursor = Place & { at: number };
type Gap = Extract<JobEvent, { kind: 'gap' }>;

const againMs = 100;
const clocksDifferByMs = 5_000;
const lookedAtToFindSettled = 5_000;

/** Events from some place on, without end. Iterate once. */
export class JobEvents implements AsyncIterable<JobEvent> {
  readonly #parts: EventParts;
  readonly #options: EventOptions;
  #chronicle: Chronicle;
  #state: StoreState;
  #broker: string;
  /** What is missing from the beginning. */
  readonly #gap: Gap | undefined;
  #cursor: string;
  #last: { key: string; transition: Transition } | undefined;
  #hasRead = false;

  /**
   * Resolves when it is known from where on it tells: whatever happens from then on is told.
   *
   * @throws {Fault} `input.invalid` for a cursor that is none.
   */
  static async open(parts: EventParts, options: EventOptions): Promise<JobEvents> {
    const { store } = parts.world;
    const after = options.after === undefined ? undefined : readCursor(options.after);
    const broker = store.broker();
    const state = await store.state();
    const at = parts.clock.now();
    const end = { revision: state.lastRevision + 1, n: 0, at };
    if (after === undefined) return new JobEvents(parts, options, { state, broker, begin: end });
    if (isOfAnother(after, state)) {
      const gap: Gap = { kind: 'gap', why: 'rolled back', from: after.revision, to: state.lastRevision };
      return new JobEvents(parts, options, { state, broker, begin: end, gap });
    }
    if (!(await mayBeForgotten(parts, after, state)))
      return new JobEvents(parts, options, { state, broker, begin: after });
    const gap: Gap = { kind: 'gap', why: 'forgotten', from: after.revision, to: state.lastRevision };
    return new JobEvents(parts, options, { state, broker, begin: after, gap });
  }

  private constructor(
    parts: EventParts,
    options: EventOptions,
    { state, broker, begin, gap }: { state: StoreState; broker: string; begin: Cursor; gap?: Gap },
  ) {
    this.#parts = parts;
    this.#options = options;
    this.#state = state;
    this.#broker = broker;
    this.#chronicle = new Chronicle(begin);
    this.#cursor = cursorOf(begin);
    this.#gap = gap;
  }

  /** Where to go on behind all that was taken so far; moves on too while nothing comes that passes the filter. */
  get cursor(): string {
    return this.#cursor;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<JobEvent> {
    if (this.#gap !== undefined) yield this.#gap;
    while (!this.#isOver) {
      try {
        const gap = await this.#lost();
        if (gap !== undefined) yield gap;
        yield* this.#read();
      } catch (cause) {
        if (!this.#isPassing(cause)) throw cause;
      }
      if (!this.#isOver) await pause(this.#parts.clock, againMs);
    }
  }

  /** What was read once can be read again: brokers that elect a leader refuse for a while what they know well. */
  #isPassing(cause: unknown): boolean {
    return cause instanceof Fault && (cause.retryable || (cause.code === 'broker.refused' && this.#hasRead));
  }

  get #isOver(): boolean {
    return this.#options.signal?.aborted === true;
  }

  async *#read(): AsyncGenerator<JobEvent> {
    const { world, tenant, clock } = this.#parts;
    const { id, signal } = this.#options;
    const after = this.#chronicle.place.revision - 1;
    for await (const { page, isNewest } of world.tail.read({ after, tenant, id, signal })) {
      this.#hasRead = true;
      for (const told of this.#chronicle.take(page, isNewest)) yield* this.#told(told);
      if (isNewest) this.#cursor = cursorOf({ ...this.#chronicle.place, at: clock.now() });
      if (this.#isOver) return;
    }
  }

  *#told({ news, next }: Told): Generator<JobEvent> {
    const cursor = next === undefined ? undefined : cursorOf({ ...next, at: this.#momentOf(news) });
    if (passes(news, this.#options)) yield { ...eventOf(news), ...(cursor === undefined ? {} : { cursor }) };
    // Only what was taken is behind whoever listens.
    this.#cursor = cursor ?? this.#cursor;
    if (news.kind === 'transition') this.#last = news;
  }

  #momentOf(news: News): number {
    return news.kind === 'transition' ? news.transition.at : this.#parts.clock.now();
  }

  /** What may be missing since the stream was read last, where it is not as it was. */
  async #lost(): Promise<Gap | undefined> {
    const { store } = this.#parts.world;
    const broker = store.broker();
    const state = await store.state();
    const { revision } = this.#chronicle.place;
    const isOther = state.createdAt !== this.#state.createdAt || state.lastRevision < revision - 1;
    const isGone = !isOther && broker !== this.#broker && !(await this.#stillHasLast());
    this.#state = state;
    this.#broker = broker;
    if (!isOther && !isGone) return undefined;
    if (isOther) this.#chronicle = new Chronicle({ revision: state.lastRevision + 1, n: 0 });
    // How much of its end it has lost nobody can tell, once it has gone on.
    const gap: Gap = { kind: 'gap', why: 'rolled back', from: isOther ? revision : 0, to: state.lastRevision };
    return gap;
  }

  async #stillHasLast(): Promise<boolean> {
    if (this.#last === undefined) return true;
    const { key, transition } = this.#last;
    const record = (await this.#parts.world.store.read(key))?.record;
    // A job that was forgotten says nothing.
    if (record === undefined) return true;
    const first = record.transitions[0]?.n ?? 0;
    const isThere = record.transitions.some(
      ({ n, revision }) => n === transition.n && revision === transition.revision,
    );
    return isThere || transition.n < first;
  }
}

/** The stream was made after the cursor was, or has not come that far. */
function isOfAnother(cursor: Cursor, { createdAt, lastRevision }: StoreState): boolean {
  return lastTold(cursor) > lastRevision || createdAt > cursor.at + clocksDifferByMs;
}

/** The last write of which something was told. */
function lastTold({ revision, n }: Place): number {
  return n === 0 ? revision - 1 : revision;
}

/** Whether a job may have been forgotten that settled behind the cursor. */
async function mayBeForgotten(
  { world: { store }, clock, keptForMs, keptAtMost }: EventParts,
  cursor: Cursor,
  { keys }: StoreState,
): Promise<boolean> {
  if (clock.now() - cursor.at > keptForMs) return true;
  // The oldest go first, and only where there are too many.
  if (keys < keptAtMost) return false;
  let left = lookedAtToFindSettled;
  for await (const change of store.changesAfter(0)) {
    if (left-- <= 0) return true;
    if (change.kind === 'job' && isSettled(change.head.state)) return change.head.revision > lastTold(cursor);
  }
  return true;
}

function passes(news: News, filter: EventFilter): boolean {
  const { id = idIn(news.key), prefix = '', state } = filter;
  if (idIn(news.key) !== id || !id.startsWith(prefix)) return false;
  if (news.record !== undefined && !isAbout(news.record, filter)) return false;
  return news.kind === 'gap' || state === undefined || [state].flat().includes(news.transition.to);
}

function isAbout(record: JobRecord, filter: EventFilter): boolean {
  const { type = record.type, queue = record.queue, priority = record.priority, tag, workflow } = filter;
  if (record.type !== type || record.queue !== queue || record.priority !== priority) return false;
  if (tag !== undefined && record.tags?.includes(tag) !== true) return false;
  return workflow === undefined || record.workflow?.id === workflow;
}

function eventOf(news: News): JobEvent {
  const id = idIn(news.key);
  if (news.kind === 'gap') {
    const { why, from, to, atMost } = news;
    return { kind: 'gap', id, why, from, to, ...(atMost === undefined ? {} : { atMost }) };
  }
  const { type, queue, priority, name, tags, workflow } = news.record;
  return {
    ...{ kind: 'transition', id, type, queue, priority },
    ...(name === undefined ? {} : { name }),
    ...(tags === undefined ? {} : { tags }),
    ...(workflow === undefined ? {} : { workflow: workflow.id }),
    transition: news.transition,
  };
}

function cursorOf({ revision, n, at }: Cursor): string {
  return `${revision}.${n}.${Math.round(at).toString(36)}`;
}

/** @throws {Fault} `input.invalid` for a text that is no cursor. */
export function expectCursor(text: string): string {
  readCursor(text);
  return text;
}

/** @throws {Fault} `input.invalid` */
function readCursor(text: string): Cursor {
  const [, revision, n, at] = /^(\d{1,15})\.(\d{1,9})\.([0-9a-z]{1,10})$/.exec(text) ?? [];
  if (revision !== undefined && n !== undefined && at !== undefined)
    return { revision: Number(revision), n: Number(n), at: Number.parseInt(at, 36) };
  throw new Fault(
    'input.invalid',
    `Expected the id of an event, such as \`48213.4.mh3k2x1p\`, got \`${text.slice(0, 60)}\`. Give the last one that you have seen, or none.`,
  );
}
