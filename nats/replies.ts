/**
 * Requests at the rate of a scheduler: one subscription for all answers, one timer for all that stay out.
 *
 * The client's own `request` makes a timer and an error with a stack for each call, which costs more than the call.
 * Here a request is a token in a map. Answers that come after their time are dropped; what was out when the connection broke
 * gets none, and fails at once, and so does what this user may not say: the broker answers that on the connection, by its subject.
 */

import {
  createInbox,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  NoRespondersError,
  PermissionViolationError,
  TimeoutError,
} from 'nats';
import type { Clock } from '../runtime/clock.ts';
import { type Presence, presenceOf } from './presence.ts';

interface Pending {
  subjects: readonly string[];
  deadline: number;
  resolve: (message: Msg) => void;
  reject: (cause: unknown) => void;
}

const sweepEveryMs = 500;

export class Replies {
  readonly #connection: NatsConnection;
  readonly #clock: Clock;
  readonly #inbox: string;
  readonly #presence: Presence;
  readonly #pending = new Map<string, Pending>();
  #next = 0;
  #sweeping = false;

  constructor({
    connection,
    clock,
    inboxPrefix,
  }: { connection: NatsConnection; clock: Clock; inboxPrefix?: string | undefined }) {
    this.#connection = connection;
    this.#clock = clock;
    this.#inbox = `${createInbox(inboxPrefix)}.`;
    connection.subscribe(`${this.#inbox}*`, { callback: (_, message) => this.#answered(message) });
    this.#presence = presenceOf(connection);
    void this.#watch();
  }

  /**
   * Publishes and resolves with the answer.
   *
   * @param options.with subjects that were published before and are part of it.
   * @throws {TimeoutError} where none came in time, {PermissionViolationError} where this user may not publish there, {DrainingConnectionError} where the connection is being closed; what no responders means is for `faultOf` to say.
   */
  async request(
    subject: string,
    body: Uint8Array,
    { headers, timeoutMs, with: others = [] }: { headers?: MsgHdrs; timeoutMs: number; with?: readonly string[] },
  ): Promise<Msg> {
    if (!this.#presence.isUp) throw new TimeoutError();
    const token = (this.#next++).toString(36);
    // Throws on a connection that is about to close: nobody may wait for that answer.
    this.#connection.publish(subject, body, {
      ...(headers === undefined ? {} : { headers }),
      reply: this.#inbox + token,
    });
    const { promise, resolve, reject } = Promise.withResolvers<Msg>();
    const subjects = [subject, ...others];
    this.#pending.set(token, { subjects, deadline: this.#clock.mono() + timeoutMs, resolve, reject });
    this.#sweepLater();
    return promise;
  }

  #answered(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length);
    const pending = this.#pending.get(token);
    if (pending === undefined) return;
    this.#pending.delete(token);
    if (message.data.length === 0 && message.headers?.code === 503)
      pending.reject(new NoRespondersError(message.subject));
    else pending.resolve(message);
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === 'disconnect' || status.type === 'close') this.#failAll();
      if (status.type === 'error') this.#forbidden(status.error);
    }
  }

  #forbidden(error: Error): void {
    if (!(error instanceof PermissionViolationError) || error.operation !== 'publish') return;
    for (const [token, { subjects, reject }] of this.#pending) {
      if (!subjects.includes(error.subject)) continue;
      this.#pending.delete(token);
      reject(error);
    }
  }

  #failAll(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(new TimeoutError());
  }

  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#clock.after(sweepEveryMs, () => {
      this.#sweeping = false;
      this.#sweep();
    });
  }

  /** Tokens were given out in order of time, and all wait equally long: the first that is not late ends the search. */
  #sweep(): void {
    const now = this.#clock.mono();
    for (const [token, { deadline, reject }] of this.#pending) {
      if (deadline > now) break;
      this.#pending.delete(token);
      reject(new TimeoutError());
    }
    if (this.#pending.size > 0) this.#sweepLater();
  }
}
