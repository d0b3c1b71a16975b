/**
 * What answers requests over NATS, once somebody has asked: operations by their subjects, through the same gate as everywhere.
 */

import type { MicroReply, MicroRequest } from '../../cluster/master.ts';
import { rest } from '../../cluster/pace.ts';
import { Fault, type TokenBook, type Yard } from '../../sdk/index.ts';
import { Doorkeeper } from '../api/doorkeeper.ts';
import { type Answer, type Operation, readBody } from '../api/operation.ts';
import { operations, operationsByFace } from '../api/operations.ts';
import { problemOf, problemWith } from '../api/problem.ts';
import { subjectOf } from '../api/subject.ts';

export interface ServiceOptions {
  /** Opened at the first request, closed with the service. */
  open(): Promise<Yard>;
  version: string;
  /** `open`: the broker alone says who may ask what. */
  auth: 'open' | 'token';
  /** Requests that each token may make a second, on average; 0: no limit. */
  ratePerSecond: number;
  /** Is told of what nobody foresaw. */
  onError(cause: unknown): void;
}

const answersWithinMs = 65_000;

interface Parts {
  yard: Yard;
  tokens: TokenBook | undefined;
  ratePerSecond: number;
  onError(cause: unknown): void;
}

export class Desk {
  readonly #yard: Yard;
  readonly #onError: (cause: unknown) => void;
  readonly #tokens: TokenBook | undefined;
  readonly #keeper: Doorkeeper;
  readonly #onFace = operationsByFace();
  readonly #operations: ReadonlyMap<string, Operation>;

  static async open({ open, auth, ratePerSecond, onError }: ServiceOptions): Promise<Desk> {
    const yard = await open();
    const tokens = auth === 'token' ? await yard.tokens.open() : undefined;
    // Without tokens nobody can be told from anybody.
    return new Desk({ yard, tokens, ratePerSecond: tokens === undefined ? 0 : ratePerSecond, onError });
  }

  private constructor({ yard, tokens, ratePerSecond, onError }: Parts) {
    this.#yard = yard;
    this.#onError = onError;
    this.#tokens = tokens;
    this.#keeper = new Doorkeeper({ yard, door: 'nats', tokens, ratePerSecond });
    this.#operations = new Map(operations(yard).map((each) => [subjectOf(each), each]));
  }

  async answer(request: MicroRequest): Promise<MicroReply> {
    const over = new AbortController();
    void rest(answersWithinMs, over.signal).then(() => over.abort());
    try {
      return await replyOf(await this.#answer(request, over.signal), request);
    } catch (cause) {
      const told = problemOf(cause);
      if (told.status === 500) this.#onError(cause);
      return refusal(told);
    } finally {
      over.abort();
    }
  }

  async #answer({ end, tenant, headers, body }: MicroRequest, signal: AbortSignal): Promise<Answer> {
    const operation = this.#operations.get(end);
    if (operation === undefined) throw new RangeError(`Expected an operation, got ${end}.`);
    const asking = { authorization: headers.get('authorization'), address: 'nats', tenant };
    const { yard } = await this.#keeper.admit(asking, operation);
    const asked = partsOf(readBody(new TextDecoder().decode(body)));
    const bytes = operation.takesBytes === true ? { body: {}, bytes: bytesIn(asked.body) } : {};
    return await this.#onFace(yard, operation.id).handle({
      ...asked,
      ...bytes,
      header: (name) => headers.get(name.toLowerCase()),
      signal,
    });
  }

  async close(): Promise<void> {
    await this.#tokens?.close();
    await this.#yard.close();
  }
}

const parts = ['params', 'query', 'body'];
const absent = {};

/** @throws {Fault} `input.invalid` where there is something else in it. */
function partsOf(said: unknown): { params: unknown; query: unknown; body: unknown } {
  const given = new Map(typeof said === 'object' && said !== null ? Object.entries(said) : []);
  const other = Array.isArray(said) ? 'a list' : [...given.keys()].find((name) => !parts.includes(name));
  if (other !== undefined)
    throw new Fault('input.invalid', `Expected an object of \`params\`, \`query\` and \`body\`, got \`${other}\`.`);
  return { params: given.get('params') ?? {}, query: given.get('query') ?? {}, body: given.get('body') ?? absent };
}

/** JSON has no bytes: they come as base64. @throws {Fault} `input.invalid` */
async function* bytesIn(body: unknown): AsyncGenerator<Uint8Array> {
  if (body === absent) return;
  if (typeof body !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(body))
    throw new Fault('input.invalid', 'Expected a `body` of bytes in base64, got something else. Or send it by HTTP.');
  yield Buffer.from(body, 'base64');
}

async function replyOf(
  { status = 200, body, stream, headers = {} }: Answer,
  { answerAtMost }: MicroRequest,
): Promise<MicroReply> {
  const type = stream?.type ?? 'application/json';
  const bytes =
    stream === undefined ? Buffer.from(JSON.stringify(body ?? null)) : await gathered(stream.bytes, answerAtMost);
  if (bytes.length > answerAtMost)
    return refusal(
      problemWith(
        413,
        'answer.large',
        `Expected an answer of at most ${answerAtMost} bytes. Ask for less, or by HTTP.`,
      ),
    );
  return { body: bytes, headers: { Status: String(status), 'Content-Type': type, ...headers } };
}

/** All of it, or more than an answer may have. */
async function gathered(bytes: ReadableStream<Uint8Array>, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > most) break;
  }
  return Buffer.concat(chunks);
}

function refusal(told: ReturnType<typeof problemOf>): MicroReply {
  return {
    body: Buffer.from(JSON.stringify(told)),
    headers: { Status: String(told.status), 'Content-Type': 'application/problem+json' },
    error: { code: told.status, sentence: told.title },
  };
}
