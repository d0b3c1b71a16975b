/**
 * The API over NATS as tests ask it, with the client of NATS alone.
 */

import { headers, type NatsConnection } from 'nats';

export interface AskedOverNats {
  /** What stands before the end of the subject. */
  at?: string;
  /** Headers. */
  said?: Readonly<Record<string, string>>;
  params?: object;
  query?: object;
  body?: unknown;
}

/** Asks at `yard.api.<end>`. */
export async function askOverNats(
  connection: NatsConnection,
  end: string,
  { at = 'yard.api', said = {}, ...parts }: AskedOverNats = {},
) {
  const written = headers();
  for (const [name, value] of Object.entries(said)) written.set(name, value);
  const reply = await connection.request(`${at}.${end}`, JSON.stringify(parts), { headers: written, timeout: 20_000 });
  const type = reply.headers?.get('Content-Type') ?? '';
  return {
    status: Number(reply.headers?.get('Status')),
    headers: reply.headers,
    type,
    json: type.includes('ndjson') || type.startsWith('text') ? reply.string() : reply.json<Record<string, unknown>>(),
  };
}
