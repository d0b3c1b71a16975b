/**
 * A client of Server-Sent Events, as a browser is one: it takes what comes, and knows the id to come back with.
 */

import { expect } from 'vitest';
import { z } from 'zod';

const told = z.looseObject({
  id: z.string().optional(),
  n: z.number().optional(),
  to: z.union([z.string(), z.number()]).optional(),
  revision: z.number().optional(),
});

export interface Heard {
  event: string;
  data: z.output<typeof told>;
}

export interface Opening {
  /** `Last-Event-ID`. */
  after?: string | undefined;
  token?: string | undefined;
}

/** A connection that is read on as long as it is asked to. */
export class EventSource implements AsyncDisposable {
  readonly heard: Heard[] = [];
  /** What to come back with. */
  lastId: string | undefined;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #left: AbortController;
  #rest = '';

  static async open(url: string, { after, token }: Opening = {}): Promise<EventSource> {
    const left = new AbortController();
    const headers = {
      ...(after === undefined ? {} : { 'last-event-id': after }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const response = await fetch(url, { headers, signal: left.signal });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    if (response.body === null) throw new Error(`Expected events of ${url}, got nothing.`);
    return new EventSource(response.body.pipeThrough(new TextDecoderStream()).getReader(), left, after);
  }

  private constructor(reader: ReadableStreamDefaultReader<string>, left: AbortController, after: string | undefined) {
    this.#reader = reader;
    this.#left = left;
    this.lastId = after;
  }

  /** Reads on until what was heard is as wanted; `false` where the connection ended before. */
  async until(isEnough: (heard: readonly Heard[]) => boolean): Promise<boolean> {
    while (!isEnough(this.heard)) {
      const { done, value = '' } = await this.#reader.read().catch(() => ({ done: true, value: undefined }));
      if (done) return false;
      this.#take(value);
    }
    return true;
  }

  /** Reads on until the place is known from which it goes on. */
  async placed(): Promise<string> {
    while (this.lastId === undefined) this.#take((await this.#reader.read()).value ?? '');
    return this.lastId;
  }

  #take(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) this.#hear(new Map(block.split('\n').map((line) => fieldOf(line))));
  }

  /** As the standard says: an id counts though nothing comes with it. */
  #hear(fields: ReadonlyMap<string, string>): void {
    this.lastId = fields.get('id') ?? this.lastId;
    const data = fields.get('data');
    if (data !== undefined)
      this.heard.push({ event: fields.get('event') ?? 'message', data: told.parse(JSON.parse(data)) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#left.abort();
    await this.#reader.cancel().catch(() => undefined);
  }
}

function fieldOf(line: string): [string, string] {
  const at = line.indexOf(': ');
  return [line.slice(0, at), line.slice(at + 2)];
}

/** `job n` of each transition. */
export function namesOf(heard: readonly Heard[]): string[] {
  return heard.filter(({ event }) => event !== 'gap').map(({ data: { id, n } }) => `${id} ${n}`);
}

/** Whether transitions came in the order in which they were stored. */
export function isInOrder(heard: readonly Heard[]): boolean {
  const places = heard.flatMap(({ data: { revision, n } }) =>
    revision === undefined ? [] : [[revision, n ?? 0] as const],
  );
  return places.every(([revision, n], at) => {
    const [before, nBefore] = places[at - 1] ?? [0, 0];
    return revision > before || (revision === before && n > nBefore);
  });
}
