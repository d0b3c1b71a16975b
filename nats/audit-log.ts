/**
 * What people did, on a stream that nobody can take anything out of: it refuses to delete and to purge, and forgets only
 * by age and by size.
 */

import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { AuditEntry, AuditLog, AuditQuery, KeptAuditEntry } from '../runtime/ports.ts';
import { batchedGet } from './batched-get.ts';
import { decodeJson, encodeJson } from './codec.ts';
import { faultOf } from './errors.ts';
import type { Names } from './names.ts';

const answerWithinMs = 5_000;
const pageSize = 256;

export class NatsAuditLog implements AuditLog {
  readonly #connection: NatsConnection;
  readonly #names: Names;

  constructor({ connection, names }: { connection: NatsConnection; names: Names }) {
    this.#connection = connection;
    this.#names = names;
  }

  async add(entry: AuditEntry): Promise<void> {
    try {
      const js = jetstream(this.#connection, { timeout: answerWithinMs });
      await js.publish(this.#names.auditEntry(entry.tenant), encodeJson(entry));
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  async newest({ limit, before = Number.POSITIVE_INFINITY, tenant }: AuditQuery): Promise<readonly KeptAuditEntry[]> {
    try {
      const jsm = await jetstreamManager(this.#connection, { checkAPI: false, timeout: answerWithinMs });
      const { state } = await jsm.streams.info(this.#names.streams.audit);
      const found: KeptAuditEntry[] = [];
      let end = Math.min(before, state.last_seq + 1);
      while (found.length < limit && end > state.first_seq && state.messages > 0) {
        const from = Math.max(state.first_seq, end - pageSize);
        const page = await this.#page(jsm, from, end);
        found.push(...page.filter((entry) => tenant === undefined || entry.tenant === tenant).toReversed());
        end = from;
      }
      return found.slice(0, limit);
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  /** In their order. */
  async #page(jsm: JetStreamManager, from: number, end: number): Promise<readonly KeptAuditEntry[]> {
    const page: KeptAuditEntry[] = [];
    const query = { seq: from, batch: end - from };
    for (const { seq, data } of await batchedGet(jsm, this.#names.streams.audit, query))
      if (seq < end) page.push({ ...decodeJson<AuditEntry>(data), place: seq });
    return page;
  }
}
