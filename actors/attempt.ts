/**
 * One attempt at one job, from its claim to its end: starts the handler, watches it, and writes what came of it.
 *
 * What the record says is moved by the claim (`claim.ts`); this file decides which event comes next. A handler that
 * ends within 20 ms costs one write for `processing` and its end together. What it saves is stored within two seconds,
 * and with the next write at the latest. One that is told to stop (cancelled, out of time, silent for too long, drained,
 * preempted) has a grace to obey; then it is abandoned, its slot is freed, and whatever
 * it still returns is dropped. A handler that ended before it was told to stop has ended, whatever the reason was.
 */

import type { Aside, Failure, JobEvent } from '../machines/job.ts';
import type { Held } from '../machines/rules/capability.ts';
import { formatDuration } from '../machines/rules/duration.ts';
import { secretsIn, textWithout } from '../machines/rules/secret.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { failureOf } from '../runtime/failure.ts';
import {
  type JobDefinition,
  JobError,
  type JobFiles,
  type JobRun,
  type Precursor,
  type ProgressReport,
} from '../runtime/handler.ts';
import type { Blobs, Events, JobStore, Logs } from '../runtime/ports.ts';
import { holdsClaim, type JobRecord, type Progress } from '../runtime/record.ts';
import { beginSpan, type Span } from '../runtime/telemetry/span.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { type TraceContext, traceHeaders } from '../runtime/trace-context.ts';
import { PutAside, payloadOf } from './aside.ts';
import { AttemptFiles } from './attempt-files.ts';
import type { Claim } from './claim.ts';
import { patiently } from './patience.ts';
import { checkPayload } from './payload.ts';
import { inputsOf, precursors } from './precursor.ts';
import { checkpointOf, type Returned, resultOf } from './result.ts';

/** Why a handler is told to stop. */
export type StopReason = 'cancelled' | 'timed out' | 'stale' | 'drained' | 'preempted' | 'fenced';

export interface AttemptOptions {
  claim: Claim;
  definition: JobDefinition;
  worker: string;
  store: JobStore;
  blobs: Blobs;
  events: Events;
  logs: Logs;
  clock: Clock;
  telemetry: Telemetry;
  graceMs: number;
  /** GPUs that are its own; absent on a worker that has none. */
  devices?: readonly string[];
  /** What the record is to say of them, on a worker whose GPUs differ. */
  held?: Held;
}

/** What a handler is told beside its payload. */
interface Surroundings {
  waitedFor: readonly Precursor[];
  trace: TraceContext | undefined;
}

type Ending = ({ kind: 'returned' } & Returned) | { kind: 'threw'; error: unknown } | { kind: 'abandoned' };

const writeStartAfterMs = 20;
const tellProgressEveryMs = 250;
const noteProgressEveryMs = 5_000;
const saveEveryMs = 2_000;

export class Attempt {
  readonly #options: AttemptOptions;
  readonly #claim: Claim;
  #abort: AbortController | undefined;
  #files: JobFiles | undefined;
  readonly #ended = Promise.withResolvers<Ending>();
  #startedAt = 0;
  #endedAt = 0;
  #livedAt = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #notedAt = 0;
  #willSave = false;
  #hasEnded = false;
  /** The payload as it was submitted. */
  #given: unknown;
  #secrets: readonly string[] | undefined;
  #stopping: StopReason | undefined;
  #timers: Cancel[] = [];
  #endSpan: (error: Failure | undefined) => void = () => {};

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.#claim = options.claim;
  }

  get key(): string {
    return this.#claim.key;
  }

  /** Runs the handler; resolves when it has ended, or was abandoned, and its slot is free. `settle` comes next. */
  async run(): Promise<void> {
    const { clock, telemetry } = this.#options;
    const { record } = this.#claim;
    this.#startedAt = this.#livedAt = clock.now();
    telemetry.tell('attempt.started', {
      ...this.#claim.named,
      type: record.type,
      queue: record.queue,
      priority: record.priority,
      waitedMs: this.#startedAt - readyAt(record),
    });
    this.#timers.push(clock.after(writeStartAfterMs, () => this.#settleIn()));
    void this.#handle();
    await this.#ended.promise;
    for (const cancel of this.#timers) cancel();
  }

  /** Stores what came of it. */
  async settle(): Promise<void> {
    const ending = await this.#ended.promise;
    const aside = await this.#putAside(ending);
    await this.#write(ending, aside);
  }

  /** The record may say something new: a wish that it stops, or that the job is no longer ours. */
  async look(): Promise<void> {
    if (!(await this.#claim.refresh())) return this.stop('fenced');
    await this.#obey();
  }

  /** Tells the handler to stop; after the grace it is abandoned. */
  stop(reason: StopReason): void {
    if (this.#stopping !== undefined || this.#hasEnded) return;
    this.#stopping = reason;
    this.#controller().abort(new JobError(this.#sentence(reason)));
    this.#timers.push(this.#options.clock.after(this.#options.graceMs, () => this.#abandon()));
  }

  async #handle(): Promise<void> {
    try {
      const payload = await this.#payload();
      const { store, blobs, clock, definition } = this.#options;
      const isOver = () => this.#hasEnded || this.#stopping !== undefined;
      const waitedFor = await precursors(this.#claim.record, { store, blobs, clock, isOver });
      const span = this.#beginSpan();
      this.#endSpan = (error) => span.end({ at: clock.now(), error });
      const job = this.#run(payload, { waitedFor, trace: span.place ?? this.#claim.place });
      this.#end({ kind: 'returned', ...resultOf(await span.within(() => definition.run(job))) });
    } catch (error) {
      this.#end({ kind: 'threw', error });
    }
  }

  #beginSpan(): Span {
    const { record, key, attempt, place } = this.#claim;
    const { type, queue, priority } = record;
    const at = this.#options.clock.now();
    return beginSpan('job.handler', { within: place, at, job: { key, type, queue, priority, attempt } });
  }

  /** Made when somebody asks: a handler that never looks at its signal need not pay for one. */
  #controller(): AbortController {
    this.#abort ??= new AbortController();
    return this.#abort;
  }

  #end(ending: Ending): void {
    this.#hasEnded = true;
    this.#endSpan(ending.kind === 'threw' ? failureOf(ending.error) : undefined);
    this.#endedAt = this.#options.clock.now();
    this.#ended.resolve(ending);
  }

  #abandon(): void {
    if (this.#hasEnded) return;
    this.#options.telemetry.tell('attempt.abandoned', this.#claim.named);
    this.#end({ kind: 'abandoned' });
  }

  async #payload(): Promise<unknown> {
    const { blobs, clock, definition } = this.#options;
    const isOver = () => this.#hasEnded || this.#stopping !== undefined;
    const payload = await patiently(() => payloadOf(this.#claim.record, blobs), { clock, isOver });
    this.#given = payload;
    const checked = await checkPayload(definition, payload);
    if ('wrong' in checked) throw new JobError(`${checked.wrong} Correct it and submit it anew.`, { retryable: false });
    return checked.value;
  }

  #run(payload: unknown, { waitedFor, trace }: Surroundings): JobRun<unknown> {
    const { record, attempt } = this.#claim;
    const saved = record.checkpoint?.value ?? undefined;
    const controller = () => this.#controller();
    const files = () => this.#filesOf();
    return {
      id: record.id,
      tenant: record.tenant,
      type: record.type,
      payload,
      fence: { job: record.id, attempt },
      inputs: inputsOf(waitedFor),
      waitedFor,
      ...(trace === undefined ? {} : { trace: traceHeaders(trace) }),
      ...(this.#options.devices === undefined ? {} : { devices: this.#options.devices }),
      get files() {
        return files();
      },
      get signal() {
        return controller().signal;
      },
      ...(saved === undefined ? {} : { saved }),
      checkpoint: (value) => this.#checkpoint(value),
      progress: (report) => this.#progress(report),
      log: (line, stream = 'stdout') => this.#log(line, stream),
      holdsFence: () => this.#holdsFence(),
    };
  }

  /** A text of the handler's as others may read it: without what is secret in the payload. */
  readonly #shown = (text: string): string => {
    this.#secrets ??= secretsIn(this.#given);
    return textWithout(this.#secrets, text);
  };

  /** Made when somebody asks: most handlers have no files. */
  #filesOf(): JobFiles {
    const { store, blobs, clock } = this.#options;
    const { record, attempt } = this.#claim;
    this.#files ??= new AttemptFiles({ world: { store, blobs }, clock, record, attempt });
    return this.#files;
  }

  async #holdsFence(): Promise<boolean> {
    const { store, clock } = this.#options;
    const isOver = () => this.#hasEnded || this.#stopping !== undefined;
    const stored = await patiently(() => store.read(this.key), { clock, isOver });
    return stored !== undefined && holdsClaim(stored.record, this.#options.worker, this.#claim.attempt);
  }

  #log(line: string, stream: 'stdout' | 'stderr'): void {
    if (this.#hasEnded) return;
    this.#livedAt = this.#options.clock.now();
    this.#options.logs.append(this.key, [
      { at: this.#livedAt, attempt: this.#claim.attempt, stream, line: this.#shown(line) },
    ]);
  }

  /** Once it is told to stop it may still save what it has: that goes with its last write. */
  #checkpoint(value: unknown): void {
    if (this.#hasEnded) return;
    const { clock } = this.#options;
    this.#livedAt = clock.now();
    this.#claim.keep({ at: this.#livedAt, attempt: this.#claim.attempt, value: checkpointOf(value) });
    if (this.#willSave || this.#stopping !== undefined) return;
    this.#willSave = true;
    this.#after(saveEveryMs, () => this.#save());
  }

  #save(): void {
    this.#willSave = false;
    void this.#claim.save().then(
      (advance) => this.#minded(advance),
      () => undefined,
    );
  }

  #progress(report: ProgressReport): void {
    if (this.#hasEnded) return;
    const { clock, events } = this.#options;
    const progress: Progress = { at: clock.now(), ...report };
    if (progress.message !== undefined) progress.message = this.#shown(progress.message);
    this.#livedAt = progress.at;
    if (progress.at - this.#toldAt < tellProgressEveryMs && report.percent !== 100) return;
    this.#toldAt = progress.at;
    events.progress(this.key, progress);
    if (this.#claim.record.state !== 'processing' || progress.at - this.#notedAt < noteProgressEveryMs) return;
    this.#notedAt = progress.at;
    void this.#claim.note(progress).then(
      (advance) => this.#minded(advance),
      () => undefined,
    );
  }

  /** It was no tiny job: write that its handler runs, and set the timers that could end it. */
  #settleIn(): void {
    const { record } = this.#claim;
    void this.#claim
      .advance((now) => this.#start(now))
      .then(
        (advance) => this.#minded(advance),
        () => undefined,
      );
    if (record.timeoutMs !== undefined) this.#after(record.timeoutMs - writeStartAfterMs, () => this.stop('timed out'));
    this.#watchLife(record.staleAfterMs);
  }

  #watchLife(staleAfterMs: number): void {
    const left = this.#livedAt + staleAfterMs - this.#options.clock.now();
    if (left <= 0) this.stop('stale');
    else this.#after(left, () => this.#watchLife(staleAfterMs));
  }

  #after(ms: number, what: () => void): void {
    this.#timers.push(this.#options.clock.after(Math.max(0, ms), what));
  }

  #minded(advance: string): void {
    if (advance === 'lost') this.stop('fenced');
    else void this.#obey();
  }

  /** Does what the record wishes; where it is to stop and to make room, it stops for good. */
  async #obey(): Promise<void> {
    const { cancelAt, preemptAt } = this.#claim.record.context;
    if (cancelAt !== undefined) return this.#cancel();
    if (preemptAt !== undefined) this.stop('preempted');
  }

  async #cancel(): Promise<void> {
    if (this.#stopping !== undefined || this.#hasEnded) return;
    const attempt = this.#claim.attempt;
    const advance = await this.#claim.advance((record) => [
      ...this.#start(record),
      { type: 'attempt.cancelling', at: this.#options.clock.now(), attempt },
    ]);
    if (advance === 'lost') this.stop('fenced');
    else if (advance === 'stored') this.stop('cancelled');
  }

  /** The start of the handler, where the record does not have it yet. */
  #start(record: JobRecord): JobEvent[] {
    return record.state === 'assigned'
      ? [{ type: 'attempt.started', at: this.#startedAt, attempt: this.#claim.attempt, ...this.#options.held }]
      : [];
  }

  /** What its record has no room for. A store without room, or a broker that is away, is waited for as by any write. */
  async #putAside(ending: Ending): Promise<PutAside | undefined> {
    if (ending.kind !== 'returned' || ending.large === undefined || this.#stopping !== undefined) return undefined;
    const { large } = ending;
    return await patiently(() => PutAside.put(this.key, large, this.#options), this.#options);
  }

  async #write(ending: Ending, aside: PutAside | undefined): Promise<void> {
    if (this.#stopping === 'fenced') return this.#fenced();
    const at = this.#endedAt;
    const last = this.#lastEvent(ending, at, aside?.aside);
    const advance = await this.#claim.advance((record) =>
      record.state === 'cancelling' ? [this.#whenCancelling(last, record)] : [...this.#start(record), last],
    );
    if (advance === 'stored' && last.type === 'attempt.completed') await aside?.keep();
    else await aside?.drop();
    if (advance === 'lost') return this.#fenced();
    const { record, named } = this.#claim;
    const outcome = record.attempts.at(-1)?.outcome ?? advance;
    this.#options.telemetry.tell('attempt.ended', {
      ...named,
      type: record.type,
      queue: record.queue,
      outcome,
      ranMs: at - this.#startedAt,
    });
  }

  #fenced(): void {
    this.#options.telemetry.tell('attempt.fenced', this.#claim.named);
  }

  #lastEvent(ending: Ending, at: number, aside: Aside | undefined): JobEvent {
    const { attempt } = this.#claim;
    const spread = this.#options.clock.chance();
    switch (this.#stopping) {
      case 'timed out':
      case 'stale':
        return {
          type: 'attempt.timedOut',
          at,
          attempt,
          spread,
          error: { kind: 'timeout', message: this.#sentence(this.#stopping) },
        };
      case 'drained':
        return { type: 'attempt.drained', at, attempt, reason: 'the worker is leaving' };
      case 'preempted':
        return { type: 'attempt.preempted', at, attempt, reason: this.#madeRoomFor() };
      default:
        return this.#ownEvent(ending, { at, spread, aside });
    }
  }

  #ownEvent(ending: Ending, { at, spread, aside }: { at: number; spread: number; aside: Aside | undefined }): JobEvent {
    const { attempt } = this.#claim;
    if (ending.kind === 'abandoned') return { type: 'attempt.cancelled', at, attempt };
    if (ending.kind === 'threw')
      return { type: 'attempt.failed', at, attempt, spread, error: failureOf(ending.error, this.#shown) };
    const { result } = ending;
    return { type: 'attempt.completed', at, attempt, result, ...(aside === undefined ? {} : { aside }) };
  }

  /** Told to stop, a handler was cancelled, unless it had returned before it was told. */
  #whenCancelling(last: JobEvent, { transitions }: JobRecord): JobEvent {
    // The wish may have been written after the handler had ended.
    const at = Math.max(this.#endedAt, transitions.at(-1)?.at ?? 0);
    if (last.type === 'attempt.completed' && this.#stopping !== 'cancelled') return { ...last, at };
    return { type: 'attempt.cancelled', at, attempt: this.#claim.attempt };
  }

  #madeRoomFor(): string {
    return `made room for ${this.#claim.record.context.preemptFor ?? 'a more urgent job'}`;
  }

  #sentence(reason: StopReason): string {
    const { record } = this.#claim;
    switch (reason) {
      case 'timed out':
        return `It ran longer than its timeout of ${formatDuration(record.timeoutMs ?? 0)}.`;
      case 'stale':
        return `It gave no sign of life (progress or log) for ${formatDuration(record.staleAfterMs)}.`;
      case 'cancelled':
        return 'A person cancelled it.';
      case 'drained':
        return 'The worker is leaving and hands it back.';
      case 'preempted':
        return 'It makes room for a more urgent job.';
      case 'fenced':
        return 'This attempt no longer holds the job.';
    }
  }
}

/** When the job last became ready to be claimed. */
function readyAt(record: JobRecord): number {
  const ready = record.transitions.findLast(({ to }) => to === 'pending');
  return ready?.at ?? record.createdAt;
}
