/**
 * How records travel: JSON in the body, and in one header beside it what a follower needs, so that nobody
 * parses bodies to keep a picture. The decoding border: what comes off the wire is believed here, after a look.
 *
 * Header `Yard-Head` of a job: {"state","type","queue","priority","createdAt","updatedAt","attempt", …}, ASCII JSON.
 * Header `Yard-Lease` of the lease: its JSON, or `null` after a graceful stop.
 */

import { MsgHdrsImpl } from '@nats-io/nats-core/internal';
import type { Msg, MsgHdrs } from 'nats';
import { messageOf } from '../runtime/faults.ts';
import { type HeadBody, headBody } from '../runtime/head.ts';
import type { Change, Entry, Lease, Page } from '../runtime/ports.ts';
import { type Stored, upcast } from '../runtime/record.ts';
import { leaderKey } from './names.ts';

const decoder = new TextDecoder();

const headHeader = 'Yard-Head';
const leaseHeader = 'Yard-Lease';

/** Headers that are text already: nothing of `MsgHdrsImpl`'s bookkeeping is paid for on the way out. */
class WrittenHeaders extends MsgHdrsImpl {
  readonly #bytes: Uint8Array;

  constructor(lines: string) {
    super();
    this.#bytes = bytesOf(`NATS/1.0\r\n${lines}\r\n`);
  }

  override encode(): Uint8Array {
    return this.#bytes;
  }
}

/** Message headers from lines such as `Name: value\r\n`, none of which may hold a line break within. */
export function writtenHeaders(lines: string): MsgHdrs {
  return new WrittenHeaders(lines);
}

/** Many times as fast as a `TextEncoder` for texts as short as ours. */
function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

/** One header line. */
export function line(name: string, value: string | number): string {
  return `${name}: ${value}\r\n`;
}

/** The body and the header lines of an entry, without those that make it conditional. */
export function encodeEntry(entry: Entry): { body: Uint8Array; lines: string } {
  if ('lease' in entry) {
    const json = asciiJson(entry.lease);
    return { body: bytesOf(json), lines: line(leaseHeader, json) };
  }
  return {
    body: bytesOf(JSON.stringify(entry.record)),
    lines: line(headHeader, asciiJson(headBody(entry.record))),
  };
}

/** What a message in the bucket of jobs means to a follower, from its headers. */
export function decodeChange(key: string, revision: number, header: (name: string) => string | undefined): Change {
  const head = header(headHeader);
  if (head) return { kind: 'job', head: { ...(JSON.parse(head) as HeadBody), key, revision } };
  const lease = header(leaseHeader);
  if (lease) return { kind: 'lease', revision, lease: decodeLease(lease) };
  return { kind: 'other', revision, key };
}

/**
 * Reads single headers off a message without making a map of all: on the feed that map would cost more than all
 * the rest. Where the client keeps the raw bytes elsewhere one day, its own reader serves.
 */
export function headerReader(message: Msg): (name: string) => string | undefined {
  const { _msg, _rdata } = message as Msg & { _msg?: { hdr?: number }; _rdata?: Uint8Array };
  if (_rdata === undefined || _msg?.hdr === undefined || _msg.hdr <= 0)
    return (name) => message.headers?.get(name) || undefined;
  const block = Buffer.from(_rdata.buffer, _rdata.byteOffset, _msg.hdr).toString('latin1');
  return (name) => {
    const at = block.indexOf(`\r\n${name}:`);
    if (at === -1) return undefined;
    const from = at + name.length + 3;
    return block.slice(from, block.indexOf('\r\n', from)).trim();
  };
}

/** A lease as it stands in its header or body; `null` where nobody holds it, or what stands there is none. */
export function decodeLease(json: string | Uint8Array): Lease | null {
  const lease = parsed(typeof json === 'string' ? json : decoder.decode(json));
  return isLease(lease) ? lease : null;
}

function isLease(json: unknown): json is Lease {
  return (
    typeof json === 'object' &&
    json !== null &&
    'holder' in json &&
    typeof json.holder === 'string' &&
    'name' in json &&
    typeof json.name === 'string' &&
    'term' in json &&
    typeof json.term === 'number' &&
    'batch' in json &&
    typeof json.batch === 'number'
  );
}

/** @throws {Fault} `record.unreadable` */
export function decodeStored(data: Uint8Array, revision: number): Stored {
  return { record: upcast(parsed(decoder.decode(data))), revision };
}

/** What `text` says as JSON; `undefined` where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a message in the bucket says that somebody took the key away, as `nats kv del` and `purge` do. */
export function isRemoval(header: (name: string) => string | undefined): boolean {
  return header('KV-Operation') !== undefined || header('Nats-Marker-Reason') !== undefined;
}

/** How long the broker keeps a message, where it says so: `2592000s`. */
function ttlOf(header: (name: string) => string | undefined): number | undefined {
  const seconds = /^(\d+)s$/.exec(header('Nats-TTL') ?? '')?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}

/** What lies under a key of the bucket of jobs, from its message. */
export function decodePage(
  key: string,
  { seq: revision, data, header }: { seq: number; data: Uint8Array; header: (name: string) => string | undefined },
): Page {
  if (isRemoval(header)) return { kind: 'removed', key, revision };
  if (key === leaderKey) return { kind: 'lease', key, revision, lease: decodeLease(data) };
  if (key.startsWith('_')) return { kind: 'reserved', key, revision };
  try {
    const { record } = decodeStored(data, revision);
    const change = decodeChange(key, revision, header);
    const ttlMs = ttlOf(header);
    const head = change.kind === 'job' ? { head: change.head } : {};
    return { kind: 'record', key, revision, record, ...head, ...(ttlMs === undefined ? {} : { ttlMs }) };
  } catch (cause) {
    return { kind: 'unreadable', key, revision, why: messageOf(cause) };
  }
}

/** JSON bytes of anything of ours. */
export function encodeJson(value: unknown): Uint8Array {
  return bytesOf(JSON.stringify(value));
}

/** What JSON bytes of ours hold. The caller names the type: both ends are this code base. */
export function decodeJson<Value>(data: Uint8Array): Value {
  return JSON.parse(decoder.decode(data)) as Value;
}

/** JSON in which everything beyond ASCII is escaped: headers are bytes that not every client reads as UTF-8. */
function asciiJson(value: unknown): string {
  const json = JSON.stringify(value);
  return /^[\x20-\x7e]*$/.test(json)
    ? json
    : json.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
