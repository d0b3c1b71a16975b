/**
 * The HTTP API as tests ask it: by `fetch`, with every answer held against what `/openapi.json` promises.
 */

import { ApiContract } from './api-contract.ts';

export interface Said {
  /** GET, or POST where there is a body. */
  method?: string;
  body?: unknown;
  /** Sent as it is, in place of a body of JSON. */
  raw?: string | Uint8Array<ArrayBuffer>;
  headers?: Readonly<Record<string, string>>;
  token?: string | undefined;
}

export interface Answered {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of an answer it also expects.
  json: any;
}

const answeredWithinMs = 90_000;

export class ApiClient {
  readonly #url: () => string;
  #contract: Promise<ApiContract> | undefined;

  /** Of the server that is there when it is first asked. */
  constructor(url: () => string) {
    this.#url = url;
  }

  get contract(): Promise<ApiContract> {
    this.#contract ??= ApiContract.of(this.#url());
    return this.#contract;
  }

  readonly ask = async (path: string, { method, body, raw, headers = {}, token }: Said = {}): Promise<Answered> => {
    const contract = await this.contract;
    const by = method ?? (body === undefined && raw === undefined ? 'GET' : 'POST');
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(`${this.#url()}${path}`, {
      method: by,
      ...(sent === undefined ? {} : { body: sent }),
      // Who is never answered would wait for ever.
      signal: AbortSignal.timeout(answeredWithinMs),
      headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    });
    const { status, headers: got } = response;
    const text = await response.text();
    contract.expect({ method: by, path, sent: body, status, headers: got, text });
    const isJson = /^application\/(problem\+)?json/.test(got.get('content-type') ?? '');
    return { status, headers: got, text, json: isJson ? JSON.parse(text) : undefined };
  };
}
