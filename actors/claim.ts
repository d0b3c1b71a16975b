/**
 * A claim: the record of a job as this worker last stored it, and the one way to move it on.
 *
 * Writes of one claim follow one another. A refused write does not mean that the claim is gone (a person may have
 * written a wish into the record): the record is read again, and if this worker and attempt still stand in it, the
 * same events are stepped on the newer record. Only when they do not is the claim lost. What the handler has saved goes
 * with the next write, whatever that says. Nor is the record as it was
 * stored believed of a broker that was started anew: it may have forgotten it, and given its revision to something else.
 */

import type { JobEvent } from '../machines/job.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Events, JobStore } from '../runtime/ports.ts';
import {
  type Checkpoint,
  holdsClaim,
  type JobRecord,
  type Progress,
  type Stored,
  storedAs,
  type Transition,
} from '../runtime/record.ts';
import { step } from '../runtime/step.ts';
import type { Span } from '../runtime/telemetry/span.ts';
import { type TraceContext, traceIdOf } from '../runtime/trace-context.ts';
import type { Commit } from './committer.ts';
import { patiently } from './patience.ts';
import { whereUnreadable } from './unreadable.ts';

export interface ClaimOptions {
  key: string;
  stored: Stored;
  worker: string;
  store: JobStore;
  events: Events;
  commit: Commit;
  clock: Clock;
  /** The attempt, for whoever records it; ended by who ends the claim. */
  span?: Span;
}

/** What became of a write: stored, impossible from the state the job is in now, or the claim is no longer ours. */
export type Advance = 'stored' | 'refused' | 'lost';

export class Claim {
  readonly key: string;
  readonly attempt: number;
  readonly #options: ClaimOptions;
  #stored: Stored;
  /** The broker that said so. */
  #broker: string;
  #tail: Promise<unknown> = Promise.resolve();
  /** What the handler saved last, as long as no write has taken it along. */
  #checkpoint: Checkpoint | undefined;

  constructor(options: ClaimOptions) {
    this.key = options.key;
    this.#options = options;
    this.#stored = options.stored;
    this.#broker = options.store.broker();
    this.attempt = options.stored.record.context.attempt;
  }

  get record(): JobRecord {
    return this.#stored.record;
  }

  /** The place in a trace from which its handler goes on; `undefined` where the job is in none. */
  get place(): TraceContext | undefined {
    return this.#options.span?.place ?? this.record.trace;
  }

  /** What log lines about the attempt name it by. */
  get named(): { key: string; attempt: number; trace: string | undefined } {
    return { key: this.key, attempt: this.attempt, trace: traceIdOf(this.place) };
  }

  /** What became of the attempt, for whoever records it. */
  endSpan(): void {
    const { span, clock } = this.#options;
    if (span?.isRecorded !== true) return;
    const { outcome = 'fenced', error } = this.record.attempts.find(({ attempt }) => attempt === this.attempt) ?? {};
    span.end({ at: clock.now(), attributes: { 'yard.outcome': outcome }, error });
  }

  /** Steps the record by the events that `next` derives from it, and stores all of their transitions in one write. */
  advance(next: (record: JobRecord) => readonly JobEvent[]): Promise<Advance> {
    return this.#inTurn(() => this.#advance(next));
  }

  /** Notes progress in the record; no transition. */
  note(progress: Progress): Promise<Advance> {
    return this.#inTurn(async () =>
      (await this.#isCurrent()) ? await this.#store({ ...this.record, progress }, []) : 'lost',
    );
  }

  /** From now on the next write says so too. */
  keep(checkpoint: Checkpoint): void {
    this.#checkpoint = checkpoint;
  }

  /** Stores what was last kept, where no write has taken it along; no transition. */
  save(): Promise<Advance> {
    return this.#inTurn(async () => {
      let advance: Advance = 'refused';
      while (this.#checkpoint !== undefined && advance === 'refused')
        advance = (await this.#isCurrent()) ? await this.#store(this.record, []) : 'lost';
      return advance === 'refused' ? 'stored' : advance;
    });
  }

  /** Reads the record again. `false` where the claim is no longer ours. */
  refresh(): Promise<boolean> {
    return this.#inTurn(() => this.#refresh());
  }

  #inTurn<Result>(what: () => Promise<Result>): Promise<Result> {
    const turn = this.#tail.then(what);
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  async #advance(next: (record: JobRecord) => readonly JobEvent[]): Promise<Advance> {
    for (;;) {
      if (!(await this.#isCurrent())) return 'lost';
      const stepped = stepAll(withCheckpoint(this.record, this.#checkpoint), next(this.record));
      if (stepped === undefined) return 'refused';
      const checkpoint = this.#checkpoint;
      const { committed, revision } = await this.#commit(stepped.record);
      if (committed) return this.#took(storedAs(stepped.record, revision), stepped.transitions, checkpoint);
      if (!(await this.#refresh())) return 'lost';
    }
  }

  async #store(record: JobRecord, transitions: readonly Transition[]): Promise<Advance> {
    const checkpoint = this.#checkpoint;
    const whole = withCheckpoint(record, checkpoint);
    const { committed, revision } = await this.#commit(whole);
    if (committed) return this.#took(storedAs(whole, revision), transitions, checkpoint);
    return (await this.#refresh()) ? 'refused' : 'lost';
  }

  async #commit(record: JobRecord): Promise<{ committed: boolean; revision: number }> {
    const committed = await this.#options.commit([{ key: this.key, expected: this.#stored.revision, record }]);
    return committed.kind === 'stored'
      ? { committed: true, revision: committed.revisions[0] ?? 0 }
      : { committed: false, revision: 0 };
  }

  /** Whether the claim is ours by all that we know; after a new start of the broker, only if it says so again. */
  async #isCurrent(): Promise<boolean> {
    return this.#options.store.broker() === this.#broker || (await this.#refresh());
  }

  #took(stored: Stored, transitions: readonly Transition[], checkpoint: Checkpoint | undefined): Advance {
    const { record, revision } = stored;
    this.#stored = stored;
    if (this.#checkpoint === checkpoint) this.#checkpoint = undefined;
    this.#broker = this.#options.store.broker();
    const { type, queue, priority } = record;
    for (const transition of transitions)
      this.#options.events.tell({ key: this.key, type, queue, priority, revision, transition });
    return 'stored';
  }

  async #refresh(): Promise<boolean> {
    const { store, clock } = this.#options;
    const broker = store.broker();
    // What a newer version has written can not be ours any more: we could not move it on.
    const stored = await whereUnreadable(
      patiently(() => store.read(this.key), { clock }),
      undefined,
    );
    if (stored === undefined || !holdsClaim(stored.record, this.#options.worker, this.attempt)) return false;
    this.#stored = stored;
    this.#broker = broker;
    return true;
  }
}

function withCheckpoint(record: JobRecord, checkpoint: Checkpoint | undefined): JobRecord {
  return checkpoint === undefined ? record : { ...record, checkpoint };
}

function stepAll(before: JobRecord, events: readonly JobEvent[]) {
  let record = before;
  const transitions: Transition[] = [];
  for (const event of events) {
    const stepped = step(record, event);
    if (!stepped.moved) return undefined;
    record = stepped.record;
    transitions.push(stepped.transition);
  }
  return { record, transitions };
}
