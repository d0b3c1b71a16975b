/**
 * A service as the micro protocol of NATS (ADR-32) has it: requests on subjects of its own, shared by all who serve it, and answers to
 * `nats micro ls`, `info` and `stats`.
 *
 * By hand: the package for it brings a client of its own along, and all of it is here.
 */

import { type Msg, type NatsConnection, headers as newHeaders } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type { Stop } from '../runtime/ports.ts';
import { encodeJson } from './codec.ts';
import { hint, mostBytes } from './hint.ts';
import { listen } from './listen.ts';
import type { Names } from './names.ts';
import { lowerCased } from './submissions.ts';

export interface MicroRequest {
  /** What was asked: the end of the subject, such as `jobs.get`. */
  end: string;
  /** Who asks on the subject of a tenant. */
  tenant: string | undefined;
  /** By their names in lower case. */
  headers: ReadonlyMap<string, string>;
  body: Uint8Array;
  /** Bytes that the body of the answer may have. */
  answerAtMost: number;
}

export interface MicroReply {
  body: Uint8Array;
  headers: Readonly<Record<string, string>>;
  /** Where it came to nothing. */
  error?: { code: number; sentence: string } | undefined;
}

export interface MicroService {
  version: string;
  description: string;
  /** Ends of subjects, each an endpoint. */
  ends: readonly string[];
  answer(request: MicroRequest): Promise<MicroReply>;
}

/** Starts a service, until it is stopped. */
export type Serve = (service: MicroService) => Promise<Stop>;

interface Counts {
  num_requests: number;
  num_errors: number;
  last_error: string;
  processing_time: number;
}

const queue = 'q';
const roomForHeaders = 16_384;

/** Serves as `yardmaster`, at `yard.api.<end>` and `yard.tenant.<tenant>.api.<end>`. */
export function natsMicro(given: { connection: NatsConnection; names: Names; clock: Clock }): Serve {
  return (service) => new Micro(service, given).start();
}

class Micro {
  readonly #service: MicroService;
  readonly #connection: NatsConnection;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #id: string;
  readonly #started: string;
  readonly #counts = new Map<string, Counts>();

  constructor(
    service: MicroService,
    { connection, names, clock }: { connection: NatsConnection; names: Names; clock: Clock },
  ) {
    this.#service = service;
    this.#connection = connection;
    this.#clock = clock;
    this.#prefix = names.prefix;
    this.#id = clock.unique();
    this.#started = new Date(clock.now()).toISOString();
  }

  async start(): Promise<Stop> {
    const stops: Stop[] = [];
    for (const [verb, what] of this.#discovery())
      for (const place of ['', `.${this.#name}`, `.${this.#name}.${this.#id}`])
        stops.push(await listen(this.#connection, `$SRV.${verb}${place}`, (message) => this.#say(message, what())));
    for (const end of this.#service.ends)
      for (const subject of [`${this.#prefix}.api.${end}`, `${this.#prefix}.tenant.*.api.${end}`])
        this.#connection.subscribe(subject, {
          queue,
          callback: (error, message) => {
            if (error === null) void this.#answer(end, message);
          },
        });
    await this.#connection.flush();
    return async () => {
      for (const stop of stops) await stop();
    };
  }

  /** Clusters with another prefix on the same broker are other services. */
  get #name(): string {
    return this.#prefix === 'yard' ? 'yardmaster' : `yardmaster-${this.#prefix}`;
  }

  #discovery(): readonly (readonly [verb: string, what: () => object])[] {
    const { version, description, ends } = this.#service;
    const who = { name: this.#name, id: this.#id, version, metadata: {} };
    const endpoint = (end: string) => ({
      name: end.replaceAll('.', '-'),
      subject: `${this.#prefix}.api.${end}`,
      queue_group: queue,
    });
    const type = (word: string) => `io.nats.micro.v1.${word}_response`;
    return [
      ['PING', () => ({ type: type('ping'), ...who })],
      [
        'INFO',
        () => ({
          type: type('info'),
          ...who,
          description,
          endpoints: ends.map((end) => ({ ...endpoint(end), metadata: {} })),
        }),
      ],
      [
        'STATS',
        () => ({
          type: type('stats'),
          ...who,
          started: this.#started,
          endpoints: ends.map((end) => ({ ...endpoint(end), ...averaged(this.#countsOf(end)) })),
        }),
      ],
    ];
  }

  #say({ reply }: Msg, what: object): void {
    if (reply) hint(this.#connection, reply, encodeJson(what));
  }

  async #answer(end: string, message: Msg): Promise<void> {
    const began = this.#clock.mono();
    const [, second, third] = message.subject.split('.');
    const { body, headers, error } = await this.#service.answer({
      end,
      tenant: second === 'tenant' ? third : undefined,
      headers: lowerCased(message.headers),
      body: message.data,
      answerAtMost: mostBytes(this.#connection) - roomForHeaders,
    });
    const counts = this.#countsOf(end);
    counts.num_requests++;
    counts.processing_time += Math.round((this.#clock.mono() - began) * 1e6);
    const said = newHeaders();
    for (const [name, value] of Object.entries(headers)) said.set(name, value);
    if (error !== undefined) {
      counts.num_errors++;
      counts.last_error = error.sentence;
      said.set('Nats-Service-Error-Code', String(error.code));
      said.set('Nats-Service-Error', error.sentence);
    }
    if (message.reply) hint(this.#connection, message.reply, body, said);
  }

  #countsOf(end: string): Counts {
    const known = this.#counts.get(end) ?? { num_requests: 0, num_errors: 0, last_error: '', processing_time: 0 };
    this.#counts.set(end, known);
    return known;
  }
}

function averaged(counts: Counts) {
  const { num_requests: requests, processing_time: time } = counts;
  return { ...counts, average_processing_time: requests === 0 ? 0 : Math.round(time / requests) };
}
