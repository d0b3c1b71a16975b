/**
 * A bridge to an outside MQTT broker: each message there becomes one job here, and what happens to jobs is told there (`outbox.ts`).
 *
 * A message is acknowledged there once its job is durable here, and never before; the session there outlives this
 * process. So the outside broker sends again whatever was under way when anything died, and the idempotency key, made of
 * what the message says, finds the job that is there. Messages are taken one after the other.
 */

import { createHash } from 'node:crypto';
import { connect, type IClientOptions, type IPublishPacket, type MqttClient, Store } from 'mqtt';
import { rest } from '../../cluster/pace.ts';
import { Fault, type JobEvent, type JobHandle } from '../../sdk/index.ts';
import { Outbox, type OutboxOptions, type Words, whyOf } from './outbox.ts';

/** Messages on topics that match become jobs of the type. */
export interface Route {
  filter: string;
  type: string;
}

export interface BridgeOptions {
  url: string;
  routes: readonly Route[];
  /** Names the session at the outside broker: the same one finds again what it had not acknowledged. */
  clientId: string;
  /** Acks and events are published below it there. */
  prefix: string;
  /** A field of each message that tells one from another, and is no part of the payload; the whole message does unless given. */
  idField: string | undefined;
  /** Resolves once the job is durable. */
  submit(type: string, payload: unknown, said: Said): Promise<Pick<JobHandle, 'id' | 'created'>>;
  /** Whose jobs they are. */
  tenant: string;
  events: OutboxOptions['events'];
  bookmark: OutboxOptions['bookmark'];
  say(sentence: string): void;
}

/** What is said of a job beside its payload. */
export interface Said {
  idempotencyKey: string;
  traceparent?: string;
  tracestate?: string;
}

/** What a message asks for, or what is wrong with it. */
interface Read {
  type: string;
  payload: unknown;
  said: Said;
  ref: string | undefined;
}

const firstPauseMs = 250;
const longestPauseMs = 30_000;

export class MqttBridge {
  readonly #options: BridgeOptions;
  readonly #client: MqttClient;
  readonly #outbox: Outbox;
  readonly #draining = new AbortController();
  /** Counts connections: what came by a former one is not acknowledged on this one. */
  #connection = 0;
  #underWay: Promise<void> = Promise.resolve();
  #lastTrouble = '';

  /**
   * Resolves when it tells events from where a former one stopped; connects then, and goes on trying for ever.
   *
   * @throws {Fault} where our broker cannot be asked.
   */
  static async start(options: BridgeOptions): Promise<MqttBridge> {
    const { events, bookmark, say, tenant } = options;
    const types = new Set(options.routes.map(({ type }) => type));
    const wording = (event: JobEvent) => wordingOf(event, { types, tenant, say });
    let bridge: MqttBridge | undefined;
    const send = (words: Words, acknowledged: () => void) => bridge?.publish(words, acknowledged);
    const outbox = await Outbox.open({ events, bookmark, say, wording, send });
    bridge = new MqttBridge(options, outbox);
    return bridge;
  }

  private constructor(options: BridgeOptions, outbox: Outbox) {
    this.#options = options;
    this.#outbox = outbox;
    const session: IClientOptions = {
      clientId: options.clientId,
      clean: false,
      protocolVersion: 4,
      resubscribe: false,
      reconnectOnConnackError: true,
      reconnectPeriod: firstPauseMs,
      // What has to be said again over the next connection the outbox says, or our cluster does, when the message comes again.
      outgoingStore: new Forgetful(),
    };
    this.#client = connect(options.url, session);
    this.#client.handleMessage = (packet, acknowledge) => {
      this.#underWay = this.#take(packet, acknowledge);
    };
    this.#client.on('connect', () => this.#connected());
    this.#client.on('close', () => this.#closed());
    this.#client.on('error', ({ message, name }) => this.#trouble(message || name));
  }

  /** Finishes the message and the events under way. */
  async stop(): Promise<void> {
    this.#draining.abort();
    await this.#underWay;
    await this.#outbox.stop();
    await this.#client.endAsync(true);
  }

  #connected(): void {
    const { routes, url, say } = this.#options;
    this.#client.options.reconnectPeriod = firstPauseMs;
    this.#lastTrouble = '';
    this.#outbox.connected();
    const filters = [...new Set(routes.map(({ filter }) => filter))];
    this.#client.subscribeAsync(filters, { qos: 1 }).then(
      (granted) => {
        const refused = granted.filter(({ qos }) => qos >= 128).map(({ topic }) => topic);
        if (refused.length > 0) say(`The broker refuses to tell of ${refused.join(', ')}.`);
        else say(`Listening to ${filters.join(', ')} at ${withoutSecrets(url)}.`);
      },
      ({ message }: Error) => this.#trouble(message),
    );
  }

  #closed(): void {
    this.#connection++;
    this.#outbox.closed();
    const { options } = this.#client;
    options.reconnectPeriod = Math.min(2 * (options.reconnectPeriod ?? firstPauseMs), longestPauseMs);
    if (!this.#draining.signal.aborted) this.#trouble('it is away');
  }

  /** The same trouble is told once. */
  #trouble(why: string): void {
    if (why !== this.#lastTrouble) this.#options.say(`The MQTT broker: ${why}. Trying again, for ever.`);
    this.#lastTrouble = why;
  }

  /** Whatever is not acknowledged comes again: over the next connection, or to the next process. */
  async #take(packet: IPublishPacket, acknowledge: () => void): Promise<void> {
    const connection = this.#connection;
    if (this.#draining.signal.aborted) return;
    const isDone = packet.topic.startsWith(`${this.#options.prefix}/`) || (await this.#submit(packet));
    // A number of the former connection may name another message on this one.
    if (isDone && connection === this.#connection) acknowledge();
  }

  async #submit({ topic, payload: body }: IPublishPacket): Promise<boolean> {
    const read = this.#read(topic, body.toString());
    if (typeof read === 'string') return this.#reject(topic, { ref: undefined, rejected: read });
    const { type, payload, said, ref } = read;
    for (let pauseMs = firstPauseMs; !this.#draining.signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        const { id, created } = await this.#options.submit(type, payload, said);
        this.publish({ topic: `ack/${topic}`, said: { ref, id, created } });
        return true;
      } catch (thrown) {
        if (isOfTheMessage(thrown)) return this.#reject(topic, { ref, rejected: thrown.message });
        if (pauseMs === firstPauseMs) this.#options.say(`A job waits to be submitted: ${whyOf(thrown)}`);
        await rest(pauseMs, this.#draining.signal);
      }
    }
    return false;
  }

  #read(topic: string, text: string): Read | string {
    const type = this.#options.routes.find(({ filter }) => matches(filter, topic))?.type;
    if (type === undefined) return `Expected a topic that \`--topic\` names, got ${topic}.`;
    const whole = jsonIn(text);
    if (!isObject(whole)) return 'Expected a JSON object.';
    const { message, trace } = withoutTrace(whole);
    const { idField } = this.#options;
    if (idField === undefined)
      return { type, payload: message, said: { ...trace, idempotencyKey: keyOf(topic, text) }, ref: undefined };
    const { [idField]: id, ...payload } = message;
    if ((typeof id !== 'string' || id === '') && typeof id !== 'number')
      return `Expected a text or a number in the field \`${idField}\`, which tells messages apart.`;
    return { type, payload, said: { ...trace, idempotencyKey: keyOf(topic, String(id)) }, ref: String(id) };
  }

  #reject(topic: string, ack: { ref: string | undefined; rejected: string }): true {
    this.#options.say(`Rejected a message on ${topic}: ${ack.rejected}`);
    this.publish({ topic: `ack/${topic}`, said: ack });
    return true;
  }

  /** Calls back when the broker has it, where this connection lives to hear so. Not kept while away. */
  publish({ topic, said }: Words, acknowledged: () => void = () => {}): void {
    if (!this.#client.connected) return;
    this.#client.publish(`${this.#options.prefix}/${topic}`, JSON.stringify(said), { qos: 1 }, (error) => {
      if (!error) acknowledged();
    });
  }
}

/** Keeps nothing: what a connection took with it is not said again by itself over the next one, under a number that may be taken. */
class Forgetful extends Store {
  override put(...[, stored]: Parameters<Store['put']>): this {
    stored();
    return this;
  }

  override del(...[packet, removed]: Parameters<Store['del']>): this {
    removed(undefined, { cmd: 'puback', ...packet });
    return this;
  }
}

interface Hearers {
  types: ReadonlySet<string>;
  tenant: string;
  say(sentence: string): void;
}

/** What is told of an event; nothing of types that no topic leads to. */
function wordingOf(event: JobEvent, { types, tenant, say }: Hearers): Words | undefined {
  if (event.kind === 'gap') {
    const { cursor: _cursor, kind: _kind, ...said } = event;
    say(`Events may be missing: ${event.why}.`);
    return { topic: `event/${tenant}/gap`, said };
  }
  const { id, type, transition } = event;
  if (!types.has(type)) return undefined;
  return { topic: `event/${tenant}/${type}/${transition.to}/${id}`, said: { id, tenant, type, transition } };
}

/** Whether a topic matches a filter, as MQTT says: `+` is one level, `#` at the end any number of them. */
export function matches(filter: string, topic: string): boolean {
  const levels = topic.split('/');
  const parts = filter.split('/');
  const isOpen = parts.at(-1) === '#';
  if (isOpen) parts.pop();
  if (isOpen ? levels.length < parts.length : levels.length !== parts.length) return false;
  return parts.every((part, at) => part === '+' || part === levels[at]);
}

/** The message is to blame, and would be the next time too. */
function isOfTheMessage(thrown: unknown): thrown is Fault {
  return thrown instanceof Fault && (thrown.code === 'input.invalid' || thrown.code === 'job.conflict');
}

type Message = Readonly<Record<string, unknown>>;

/**
 * MQTT 3.1.1 has no headers: as W3C has it for such a case, its place in a trace stands in the message, and is no part of the
 * payload.
 */
function withoutTrace(message: Message): { message: Message; trace: Omit<Said, 'idempotencyKey'> } {
  const { traceparent, tracestate, ...rest } = message;
  if (typeof traceparent !== 'string' || !/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent))
    return { message, trace: {} };
  return { message: rest, trace: { traceparent, ...(typeof tracestate === 'string' ? { tracestate } : {}) } };
}

function keyOf(topic: string, what: string): string {
  return `mqtt-${createHash('sha256').update(`${topic}\n${what}`).digest('base64url')}`;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}
