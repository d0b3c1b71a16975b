/**
 * A broker that lives in this process: all ports of `runtime/ports.ts`, for as many nodes as are attached to it.
 *
 * It keeps the promises of the ports and no more: what the ports call best effort may be lost, doubled or late as
 * `chaos` says, and the broker itself can stop, come back, and lose the end of what it had stored. A test or a
 * simulation attaches nodes with `world()`; each of them can be cut off.
 */

import type { Cancel, Clock } from '../clock.ts';
import type { Change, JobEventMessage, Notice, Pulse, Pulses, Submission, SubmitAck, World } from '../ports.ts';
import type { Progress } from '../record.ts';
import { AuditBook } from './audit-log.ts';
import { BlobStore } from './blobs.ts';
import { Channel } from './channel.ts';
import { type Chaos, calm } from './chaos.ts';
import { ControlBucket } from './control.ts';
import { DeskRoom } from './desk.ts';
import { Journal } from './journal.ts';
import { type FarEnd, Link } from './link.ts';
import { Post } from './post.ts';
import { MemoryStore } from './store.ts';
import { MemoryStream, type Write } from './stream.ts';
import { SubmissionStream, type Submitted } from './submissions.ts';

export interface MemoryBrokerOptions {
  clock: Clock;
  chaos?: Chaos;
  /** How long a node waits for an answer, ms. */
  answerWithinMs?: number;
  /** How often a worker's pulse goes out, ms. */
  pulseEveryMs?: number;
}

/** The world of one node. */
export interface MemoryWorld extends World {
  /** Cuts the node off: what is on its way is lost, what it asks runs into a time-out. */
  cut(): void;
  heal(): void;
}

const echoEveryMs = 500;

export class MemoryBroker implements FarEnd {
  chaos: Chaos;
  readonly #clock: Clock;
  readonly #answerWithinMs: number;
  readonly #pulseEveryMs: number;
  readonly #links = new Set<Link>();
  readonly #stream: MemoryStream;
  readonly #submissions: SubmissionStream;
  readonly #post: Post;
  readonly #journal = new Journal();
  readonly #control = new ControlBucket();
  readonly #desk = new DeskRoom();
  readonly #audit = new AuditBook();
  readonly #blobs: BlobStore;
  readonly #changes = new Channel<Change>('change');
  readonly #pulses = new Channel<Pulse>();
  readonly #notices = new Channel<{ to: string; notice: Notice }>();
  readonly #events = new Channel<JobEventMessage>();
  readonly #progress = new Channel<{ key: string; progress: Progress }>();
  readonly #acks = new Channel<SubmitAck>();
  #up = true;
  #starts = 1;
  #muted = 0;

  constructor(options: MemoryBrokerOptions) {
    this.#clock = options.clock;
    this.chaos = options.chaos ?? calm;
    this.#answerWithinMs = options.answerWithinMs ?? 5_000;
    this.#pulseEveryMs = options.pulseEveryMs ?? 1_000;
    this.#stream = new MemoryStream({ createdAt: options.clock.now(), onWrite: (change) => this.#tell(change) });
    this.#submissions = new SubmissionStream(options.clock);
    this.#post = new Post(options.clock);
    this.#blobs = new BlobStore(options.clock);
  }

  get isUp(): boolean {
    return this.#up;
  }

  get name(): string {
    return `broker-${this.#starts}`;
  }

  /** Submissions that nobody has made a job or a rejection of. */
  get submissionsWaiting(): number {
    return this.#submissions.waiting;
  }

  /** Every write to the bucket of jobs, the oldest first, for whoever checks what happened. */
  history(): readonly Write[] {
    return this.#stream.history();
  }

  /** As `nats pub yard.submit.<type>`; returns the sequence of the submission. */
  submit(submitted: Submitted): number {
    return this.#submissions.add(submitted);
  }

  /** The broker is away: nothing is stored, nobody is answered. */
  stop(): void {
    this.#up = false;
  }

  start(): void {
    this.#up = true;
    for (const link of this.#links) link.wake();
  }

  /**
   * As a broker that was started anew after a power failure: without the last `writes` writes of the stream of jobs and
   * the last submissions, though all of them were acknowledged; and without what was on its way, and mail. What an
   * earlier failure left is on disk. Returns the submissions that were lost.
   */
  rollBack(writes: number, submissions = 0): readonly Omit<Submission, 'deliveries'>[] {
    this.#starts++;
    for (const link of this.#links) link.break();
    this.#stream.rollBack(writes);
    this.#post.clear();
    return this.#submissions.rollBack(submissions);
  }

  /** Keeps the next `changes` off the feed of everybody: a gap, at its tail until more is written. */
  mute(changes: number): void {
    this.#muted += changes;
  }

  /** The world of one more node, on its own clock where it has one. */
  world(options: { clock?: Clock } = {}): MemoryWorld {
    const clock = options.clock ?? this.#clock;
    const link = new Link({ clock, far: this, answerWithinMs: this.#answerWithinMs });
    this.#links.add(link);
    return {
      store: this.#storeOver(link),
      feed: { follow: (onChange) => this.#changes.listen(link, onChange) },
      submissions: {
        consume: (onBatch) => this.#submissions.consume(link, onBatch),
        reject: (rejection) => link.call(() => this.#submissions.reject(rejection)),
        rejections: (limit) => link.call(() => this.#submissions.rejections(limit)),
      },
      mail: {
        send: (incarnation, offers) => this.#post.send(link, incarnation, offers),
        receive: (incarnation, onOffers) => this.#post.receive(link, incarnation, onOffers),
      },
      pulses: this.#pulsesOver(link),
      notices: {
        send: (to, notice) => this.#notices.say(link, { to, notice }),
        receive: (incarnation, onNotice) =>
          this.#notices.listen(link, ({ to, notice }) => void (to === incarnation && onNotice(notice))),
      },
      logs: {
        append: (key, lines) => this.#journal.append(link, key, lines),
        read: (key, reading) => this.#journal.read(link, key, reading),
      },
      events: this.#eventsOver(link),
      control: this.#control.over(link),
      desk: this.#desk.over(link),
      blobs: this.#blobs.over(link),
      auditLog: this.#audit.over(link),
      cut: () => link.cut(),
      heal: () => link.heal(),
    };
  }

  #storeOver(link: Link): MemoryStore {
    return new MemoryStore({
      link,
      stream: this.#stream,
      chaos: () => this.chaos,
      later: (ms, what) => this.#later(ms, what),
    });
  }

  /** What is late is lost with the broker's process. */
  #later(ms: number, what: () => void): void {
    const { name } = this;
    this.#clock.after(ms, () => void (this.#up && this.name === name && what()));
  }

  #pulsesOver(link: Link): Pulses {
    return {
      beat: async (first) => {
        let pulse = first;
        const beat = () => this.#pulses.say(link, pulse);
        beat();
        const stop: Cancel = link.clock.every(this.#pulseEveryMs, beat);
        return {
          update: (next) => {
            const urgent = next.status !== pulse.status;
            pulse = next;
            if (urgent) beat();
          },
          stop: async () => stop(),
        };
      },
      listen: async (onPulse, onEcho = () => {}) => {
        const stop = await this.#pulses.listen(link, onPulse);
        const stopEcho = link.clock.every(echoEveryMs, () =>
          link.send('message', () => link.deliver('message', onEcho)),
        );
        return async () => {
          stopEcho();
          await stop();
        };
      },
    };
  }

  #eventsOver(link: Link): World['events'] {
    const isOf = (wanted: string | undefined, key: string) => wanted === undefined || wanted === key;
    return {
      tell: (event) => this.#events.say(link, event),
      listen: ({ key }, onEvent) => this.#events.listen(link, (event) => void (isOf(key, event.key) && onEvent(event))),
      progress: (key, progress) => this.#progress.say(link, { key, progress }),
      listenProgress: ({ key }, onProgress) =>
        this.#progress.listen(link, (said) => void (isOf(key, said.key) && onProgress(said.key, said.progress))),
      ack: (ack) => this.#acks.say(link, ack),
      listenAck: (ref, onAck) =>
        this.#acks.listen(link, (ack) => void (ack.ref === ref && ack.tenant === 'default' && onAck(ack))),
    };
  }

  #tell(change: Change): void {
    if (this.#muted > 0) this.#muted--;
    else this.#changes.spread(change);
  }
}

/** A world with nobody else in it. */
export function memoryWorld(options: MemoryBrokerOptions): MemoryWorld {
  return new MemoryBroker(options).world();
}
