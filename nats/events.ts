/**
 * What happens, told on core subjects to whoever listens: transitions, progress, and what became of a submission.
 *
 * Never stored: the record holds the transitions and the last progress, and what is missed here can be read there.
 */

import type { NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type { Events, JobEventMessage, Stop, SubmitAck } from '../runtime/ports.ts';
import type { Progress } from '../runtime/record.ts';
import { encodeJson } from './codec.ts';
import { hint } from './hint.ts';
import { listenJson } from './listen.ts';
import { type Names, readKey } from './names.ts';

export class NatsEvents implements Events {
  readonly #connection: NatsConnection;
  readonly #names: Names;
  readonly #clock: Clock;
  #unsaid: { subject: string; value: unknown }[] = [];

  constructor({ connection, names, clock }: { connection: NatsConnection; names: Names; clock: Clock }) {
    this.#connection = connection;
    this.#names = names;
    this.#clock = clock;
  }

  tell(event: JobEventMessage): void {
    const subject = this.#names.event({ ...readKey(event.key), type: event.type, state: event.transition.to });
    this.#say(subject, event);
  }

  listen({ key }: { key?: string }, onEvent: (event: JobEventMessage) => void): Promise<Stop> {
    return listenJson<JobEventMessage>(this.#connection, this.#names.eventsOf(key), onEvent);
  }

  progress(key: string, progress: Progress): void {
    this.#say(this.#names.progress(key), progress);
  }

  listenProgress({ key }: { key?: string }, onProgress: (key: string, progress: Progress) => void): Promise<Stop> {
    const subject = key === undefined ? this.#names.allProgress : this.#names.progress(key);
    return listenJson<Progress>(this.#connection, subject, (progress, from) =>
      onProgress(this.#names.keyOfProgress(from), progress),
    );
  }

  ack(ack: SubmitAck): void {
    this.#say(this.#names.ack(ack.ref, ack.tenant), ack);
  }

  listenAck(ref: string, onAck: (ack: SubmitAck) => void): Promise<Stop> {
    return listenJson<SubmitAck>(this.#connection, this.#names.ack(ref), onAck);
  }

  /** All of a turn goes to the socket in one write, which costs more than what is in it. */
  #say(subject: string, value: unknown): void {
    if (this.#unsaid.push({ subject, value }) === 1) this.#clock.endOfTurn(() => this.flush());
  }

  /** Says what is still unsaid. */
  flush(): void {
    const unsaid = this.#unsaid;
    this.#unsaid = [];
    for (const { subject, value } of unsaid) hint(this.#connection, subject, encodeJson(value));
  }
}
