/**
 * By whom the stream of jobs is kept, as one name: the same name as long as no revision can have been used twice.
 *
 * One broker: it may come back without the end of what it had, so each start of it is another name. Of several, each
 * write that was acknowledged lies with most of them, and what a leader of the stream has, it never takes back: a
 * history can lose its end only where another leader was elected. So whoever's connection moves to another broker
 * asks the stream who leads it, and since when. Is that still the same as it was before, the name stays, and nothing
 * is read anew; else, or where nobody had looked, the name is another one.
 *
 *     connected to another broker ──▶ in doubt ──same leader, since the same moment──▶ the same name
 *                                       │ ▲  └──another leader, or birthday, or one replica──▶ another name
 *                                       └─┘ no answer
 *
 * A connection that stays where it is keeps its name through elections of the stream: whoever follows it compares its
 * last sequence. In doubt the former name holds, and nothing may be written. Reading is free: what is read in doubt is read anew by
 * whoever finds another name afterwards.
 */

import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import { faultOf } from './errors.ts';

const lookEveryMs = 10_000;

export interface LineageOptions {
  connection: NatsConnection;
  jsm: JetStreamManager;
  stream: string;
  clock: Clock;
}

export class Lineage {
  readonly #options: LineageOptions;
  /** The broker for which the name was found. */
  #server: string;
  #name: string;
  /** Who led the stream, and since when, as it was seen last; `undefined` where it has no other replicas. */
  #leadership: string | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #settling: Promise<void> | undefined;

  constructor(options: LineageOptions) {
    this.#options = options;
    this.#server = this.#connected;
    this.#name = this.#server;
    this.#lookNowAndThen();
  }

  get name(): string {
    if (!this.isSettled) void this.settle();
    return this.#name;
  }

  /** Whether the name is that of the broker at the other end. */
  get isSettled(): boolean {
    if (this.#options.connection.info?.cluster === undefined) this.#rename(this.#connected);
    return this.#server === this.#connected;
  }

  /** Asks whose history it is, where that is in doubt. Resolves when there was an answer, or none came. */
  settle(): Promise<void> {
    this.#settling ??= this.#ask().finally(() => {
      this.#settling = undefined;
    });
    return this.#settling;
  }

  /** Something is about to be written: whoever leads the stream now should be known when the connection moves. */
  use(): void {
    this.#lookNowAndThen();
  }

  get #connected(): string {
    return this.#options.connection.info?.server_id ?? '';
  }

  #rename(server: string): void {
    if (server === this.#server) return;
    this.#server = server;
    this.#name = server;
    this.#leadership = undefined;
  }

  async #ask(): Promise<void> {
    const { jsm, stream } = this.#options;
    const server = this.#connected;
    const seen = await jsm.streams.info(stream).then(leadershipOf, (cause: unknown) => {
      // A broker that knows no such stream has answered.
      if (faultOf(cause).retryable) return 'unknown';
      return undefined;
    });
    // Whoever writes next asks again: a move may come before the next look is due.
    if (seen === 'unknown') this.#lookedAt = Number.NEGATIVE_INFINITY;
    if (seen === 'unknown' || server !== this.#connected) return;
    if (server !== this.#server && (seen === undefined || seen !== this.#leadership))
      this.#name = `${server} ${seen ?? ''}`;
    this.#server = server;
    this.#leadership = seen;
  }

  #lookNowAndThen(): void {
    const { clock, connection } = this.#options;
    if (connection.info?.cluster === undefined || clock.mono() - this.#lookedAt < lookEveryMs) return;
    this.#lookedAt = clock.mono();
    void this.settle();
  }
}

/** Unknown while nobody leads it, as just after its birth; `undefined` where it has no other replicas. */
function leadershipOf({ created, config, cluster }: StreamInfo): string | undefined {
  if (config.num_replicas < 2) return undefined;
  const { leader, leader_since: since } = cluster ?? {};
  return leader === undefined || since === undefined ? 'unknown' : [created, leader, since].join(' ');
}
