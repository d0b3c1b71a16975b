/**
 * The doors as an example of an operation has them: the operation itself over HTTP, and the others to prepare and to look.
 */

import { expect } from 'vitest';
import type { Operation } from '../../doors/api/operation.ts';
import type { Yard } from '../../sdk/index.ts';
import type { Answered, ApiClient } from './api-client.ts';
import type { AskedOverNats } from './service-client.ts';

export interface Asked {
  params?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, string>>;
  body?: unknown;
  /** Sent as it is, in place of a body of JSON. */
  raw?: string;
  headers?: Readonly<Record<string, string>>;
  status?: number;
}

/** One operation, tried: it is asked for over HTTP, and what came of it is read through another door. */
export type Example = (doors: Doors) => Promise<void>;

interface DoorsOptions {
  operation: Operation;
  client: ApiClient;
  yard: Yard;
  nats: (end: string, asked?: AskedOverNats) => Promise<{ status: number; json: unknown }>;
  /** Says something at `yard.<end>`, as `nats pub` does. */
  publish: (end: string, text: string) => Promise<void>;
}

export class Doors {
  readonly #options: DoorsOptions;
  #wasAsked = false;
  #wasLookedAt = false;

  constructor(options: DoorsOptions) {
    this.#options = options;
  }

  /** Whether the operation was asked for, and another door was used behind that. */
  get isWhole(): boolean {
    return this.#wasAsked && this.#wasLookedAt;
  }

  /** The package's face. */
  get yard(): Yard {
    this.#wasLookedAt = this.#wasAsked;
    return this.#options.yard;
  }

  publish(end: string, text: string): Promise<void> {
    return this.#options.publish(end, text);
  }

  /** The operation, over HTTP. Answers well, or with the status that is expected. */
  async http({ params = {}, query = {}, body, raw, headers = {}, status }: Asked = {}): Promise<Answered> {
    const { operation, client } = this.#options;
    const path = Object.entries(params).reduce(
      (left, [name, value]) => left.replace(`{${name}}`, encodeURIComponent(value)),
      operation.path,
    );
    const search = new URLSearchParams(query).toString();
    const method = operation.method.toUpperCase();
    const answer = await client.ask(search === '' ? path : `${path}?${search}`, {
      ...{ method, body, headers },
      ...(raw === undefined ? {} : { raw }),
    });
    expect(answer.status, answer.text).toBe(status ?? (answer.status < 300 ? answer.status : 200));
    this.#wasAsked = true;
    return answer;
  }

  /** Another operation or the same one, over NATS: what it answers, which is no problem. */
  // biome-ignore lint/suspicious/noExplicitAny: what an example reads of an answer it also expects.
  async nats(end: string, asked: AskedOverNats = {}): Promise<any> {
    this.#wasLookedAt = this.#wasAsked;
    const { status, json } = await this.#options.nats(end, asked);
    expect([end, status < 300, json]).toEqual([end, true, json]);
    return json;
  }
}
