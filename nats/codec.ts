/**
 * How records travel: JSON in the body, and in one header beside it what a follower needs, so that nobody
 * parses bodies to keep a picture. The decoding border: what comes off the wire is believed here, after a look.
 *
 * Header `Yard-Head` of a job: {"state","type","queue","priority","createdAt","updatedAt","attempt", …}, ASCII JSON.
 * Header `Yard-Schedule` of a schedule: {"state","nextAt"}.
 * Header `Yard-Lease` of the lease: its JSON, or `null` after a graceful stop.
 */

import type { JsMsg } from '@nats-io/jetstream';
import { MsgHdrsImpl } from '@nats-io/nats-core/internal';
import type { Msg, MsgHdrs } from 'nats';
import { isFault, messageOf } from '../runtime/faults.ts';
import { asciiJson, type HeadBody, headBody } from '../runtime/head.ts';
import type { Change, Entry, Lease, Offer, Page, Pointer, SavedPicture } from '../runtime/ports.ts';
import { isAtRest, type Stored, storedAs, upcast } from '../runtime/record.ts';
import {
  isScheduleKey,
  readSchedule,
  type ScheduleHead,
  type StoredSchedule,
  scheduleHead,
} from '../runtime/schedule.ts';
import { leaderKey } from './names.ts';

const decoder = new TextDecoder();

const headHeader = 'Yard-Head';
const leaseHeader = 'Yard-Lease';
const scheduleHeader = 'Yard-Schedule';

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
  if ('schedule' in entry)
    return {
      body: bytesOf(JSON.stringify(entry.schedule)),
      lines: line(scheduleHeader, asciiJson(scheduleHead(entry.schedule))),
    };
  if ('picture' in entry) return { body: encodeJson(entry.picture), lines: '' };
  if ('pointer' in entry) return { body: encodeJson(entry.pointer), lines: '' };
  return {
    body: bytesOf(JSON.stringify(entry.record)),
    lines: line(headHeader, asciiJson(headBody(entry.record))),
  };
}

/** What a message in the bucket of jobs means to a follower, from its headers: nothing, where they are not ours. */
export function decodeChange(key: string, revision: number, header: (name: string) => string | undefined): Change {
  const head = header(headHeader);
  const body = head ? readJson(head) : undefined;
  if (isHeadBody(body)) {
    const job: Change = { kind: 'job', head: { ...body, key, revision } };
    return isAtRest(body) === expires(header) ? job : { ...job, isKeptWrong: true };
  }
  const lease = header(leaseHeader);
  if (lease) return { kind: 'lease', revision, lease: decodeLease(lease) };
  const schedule = readJson(header(scheduleHeader) ?? '');
  if (isScheduleHead(schedule)) return { kind: 'schedule', revision, head: { ...schedule, key } };
  return { kind: 'other', revision, key };
}

/**
 * Reads single headers off a message without making a map of all: on the feed that map would cost more than all
 * the rest. Where the client keeps the raw bytes elsewhere one day, its own reader serves.
 */
export function headerReader(message: Msg | JsMsg): (name: string) => string | undefined {
  const { msg = message } = message as { msg?: Msg };
  const { _msg, _rdata } = msg as Msg & { _msg?: { hdr?: number }; _rdata?: Uint8Array };
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

/** A lease as it stands in its header or body; `null` where nobody holds it, or it is none that anybody could hold. */
export function decodeLease(json: string | Uint8Array): Lease | null {
  const lease = readJson(typeof json === 'string' ? json : decoder.decode(json));
  return isLease(lease) ? lease : null;
}

function isLease(value: unknown): value is Lease {
  if (!isObject(value)) return false;
  const { holder, name, term, batch } = value;
  return (
    typeof holder === 'string' && typeof name === 'string' && typeof term === 'number' && typeof batch === 'number'
  );
}

function isScheduleHead(value: unknown): value is Omit<ScheduleHead, 'key'> {
  return (
    isObject(value) && typeof value['state'] === 'string' && ['number', 'undefined'].includes(typeof value['nextAt'])
  );
}

/** Where a picture was saved; `null` where that is not to be made out. */
export function decodePicture(json: Uint8Array): SavedPicture | null {
  const picture = readJson(decoder.decode(json));
  return isPicture(picture) ? picture : null;
}

function isPicture(value: unknown): value is SavedPicture {
  if (!isObject(value)) return false;
  const texts = [value['blob'], value['digest'], value['version']];
  const numbers = [value['createdAt'], value['revision'], value['savedAt']];
  return texts.every((text) => typeof text === 'string') && numbers.every((number) => typeof number === 'number');
}

/** Which job a key points to; `null` where that is not to be made out. */
export function decodePointer(json: Uint8Array): Pointer | null {
  return pointerIn(readJson(decoder.decode(json)));
}

/** As `decodePointer`, of what has been read already. */
export function pointerIn(value: unknown): Pointer | null {
  return isPointer(value) ? value : null;
}

function isPointer(value: unknown): value is Pointer {
  return isObject(value) && typeof value['job'] === 'string' && typeof value['at'] === 'number';
}

function isHeadBody(value: unknown): value is HeadBody {
  if (!isObject(value)) return false;
  const { state, type, queue, priority, requirements } = value;
  const isFiled = typeof queue === 'string' && typeof priority === 'string' && isObject(requirements);
  return typeof state === 'string' && typeof type === 'string' && isFiled && isAfter(value['after']);
}

/** What a job waits for, or nothing. */
function isAfter(value: unknown): boolean {
  return value === undefined || (isObject(value) && Array.isArray(value['jobs']));
}

/** What a stranger's JSON holds; `undefined` where it is none. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether somebody's JSON is an object with named values. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws {Fault} `record.unreadable` */
export function decodeStored(data: Uint8Array, revision: number): Stored {
  return storedAs(upcast(readJson(decoder.decode(data))), revision);
}

/** @throws {Fault} `record.unreadable` */
export function decodeSchedule(data: Uint8Array, revision: number): StoredSchedule {
  return { schedule: readSchedule(readJson(decoder.decode(data))), revision };
}

/** As `decodeSchedule`; `undefined` for one that this version can not read. */
export function decodeScheduleIfReadable(data: Uint8Array, revision: number): StoredSchedule | undefined {
  return ifReadable(() => decodeSchedule(data, revision));
}

/** Whether a message in the bucket says that somebody took the key away, as `nats kv del` and `purge` do. */
export function isRemoval(header: (name: string) => string | undefined): boolean {
  return header('KV-Operation') !== undefined || header('Nats-Marker-Reason') !== undefined;
}

/** Whether the broker keeps a message only for a while. */
function expires(header: (name: string) => string | undefined): boolean {
  return (header('Nats-TTL') ?? 'never') !== 'never';
}

const secondsIn: Readonly<Record<string, number>> = { h: 3_600, m: 60, s: 1 };

/** How long the broker keeps a message, ms, where it says so: `2592000s` by us, `720h` or `60` by others. */
function ttlOf(header: (name: string) => string | undefined): number | undefined {
  if (!expires(header)) return undefined;
  const parts = [...(header('Nats-TTL') ?? '').matchAll(/(\d+)([hms]?)/g)];
  return parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (secondsIn[unit] ?? 1), 0) * 1_000;
}

/** What lies under a key of the bucket of jobs, from its message. */
export function decodePage(
  key: string,
  { seq: revision, data, header }: { seq: number; data: Uint8Array; header: (name: string) => string | undefined },
): Page {
  if (isRemoval(header)) return { kind: 'removed', key, revision };
  if (key === leaderKey) return { kind: 'lease', key, revision, lease: decodeLease(data) };
  if (key.startsWith('_') && !isScheduleKey(key)) return { kind: 'reserved', key, revision };
  try {
    if (isScheduleKey(key)) return { kind: 'schedule', key, ...decodeSchedule(data, revision) };
    const { record } = decodeStored(data, revision);
    const change = decodeChange(key, revision, header);
    const ttlMs = ttlOf(header);
    const head = change.kind === 'job' ? { head: change.head } : {};
    return { kind: 'record', key, revision, record, ...head, ...(ttlMs === undefined ? {} : { ttlMs }) };
  } catch (cause) {
    return { kind: 'unreadable', key, revision, why: messageOf(cause) };
  }
}

/** As `decodeStored`; `undefined` for a record that this version can not read, so that it stops nobody's work. */
export function decodeIfReadable(data: Uint8Array, revision: number): Stored | undefined {
  return ifReadable(() => decodeStored(data, revision));
}

/** Offers of a mail; a record that this version can not read is left out, for its reader to find out. */
export function decodeOffers(data: Uint8Array): readonly Offer[] {
  const { offers } = decodeJson<{ offers: readonly Offer[] }>(data);
  return offers.map(({ record: sent, ...offer }) => {
    const record = sent === undefined ? undefined : ifReadable(() => upcast(sent));
    return record === undefined ? offer : { ...offer, record };
  });
}

function ifReadable<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (cause) {
    if (isFault(cause, 'record.unreadable')) return undefined;
    throw cause;
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
