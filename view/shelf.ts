/**
 * Keeps the view in SQLite: a row a job, its words, its tags, and how many there are of each kind.
 *
 * Everything here is done at once and blocks its thread, which is why the view has a thread of its own.
 */

import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { type JobState, jobStates } from '../machines/job.ts';
import { priorities } from '../machines/rules/lanes.ts';
import { idIn, tenantIn } from '../runtime/key.ts';
import type { Page } from '../runtime/ports.ts';
import type { JobRecord } from '../runtime/record.ts';
import type { KeyPage, LaneCount, ListQuery, Shelf } from '../runtime/view.ts';
import { listKeys } from './list.ts';
import { block, openDatabase } from './schema.ts';
import { mark, textOf } from './text.ts';

export type Row = Record<string, SQLOutputValue>;

const expireAtOnce = 1_000;
/** The broker counts in whole seconds, and takes its time. */
const expireSlackMs = 3_000;

export class SqliteShelf implements Shelf, Disposable {
  #database: DatabaseSync = openDatabase();
  #statements = new Map<string, StatementSync>();
  #words = new Map<string, number>();

  take(pages: readonly Page[]): void {
    this.#database.exec('BEGIN');
    try {
      for (const page of pages) this.#page(page);
      this.#database.exec('COMMIT');
    } catch (cause) {
      this.#database.exec('ROLLBACK');
      this.#words.clear();
      throw cause;
    }
  }

  empty(): void {
    this.#database.close();
    this.#database = openDatabase();
    this.#statements = new Map();
    this.#words = new Map();
  }

  expire(now: number): void {
    const sql = 'SELECT n FROM job WHERE expires < ? LIMIT ?';
    for (const { n } of this.#run(sql).all(now - expireSlackMs, expireAtOnce)) this.#remove(Number(n));
  }

  size(): number {
    return Number(this.#run('SELECT coalesce(sum(count), 0) AS size FROM lane').get()?.['size']);
  }

  list(query: ListQuery): KeyPage {
    return listKeys(this.#database, query, (word) => this.#known(word));
  }

  counts(tenant: string | undefined): readonly LaneCount[] {
    const sql = `SELECT t.text AS tenant, state, q.text AS queue, priority, count FROM lane
      JOIN word t ON t.number = lane.tenant JOIN word q ON q.number = lane.queue
      WHERE count > 0 AND (?1 IS NULL OR t.text = ?1)`;
    return this.#run(sql)
      .all(tenant ?? null)
      .map((row) => ({
        tenant: String(row['tenant']),
        state: jobStates[Number(row['state'])] ?? 'pending',
        queue: String(row['queue']),
        priority: priorities[Number(row['priority'])] ?? 'medium',
        count: Number(row['count']),
      }));
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #page(page: Page): void {
    if (page.key.startsWith('_') || !page.key.includes('.')) return;
    const known = this.#rowOf(page.key);
    if (page.kind === 'record') this.#put(page, known);
    else if (known !== undefined) this.#remove(Number(known['n']));
  }

  #rowOf(key: string): Row | undefined {
    const tenant = this.#known(tenantIn(key));
    if (tenant === undefined) return undefined;
    return this.#run('SELECT n, tenant, state, queue, priority, text FROM job WHERE tenant = ? AND id = ?').get(
      tenant,
      idIn(key),
    );
  }

  #put({ record, ttlMs }: Extract<Page, { kind: 'record' }>, known: Row | undefined): void {
    const tenant = this.#number(record.tenant);
    const n = known === undefined ? this.#free(record.createdAt) : Number(known['n']);
    const [state, queue, priority] = [stateNumber(record.state), this.#number(record.queue), rank(record)];
    const words = textOf(record);
    const text = mark(words);
    const worker = this.#number(record.context.worker ?? record.attempts.at(-1)?.worker ?? '');
    const expires = ttlMs === undefined ? null : (record.settledAt ?? record.updatedAt) + ttlMs;
    if (known !== undefined) this.#count(known, -1);
    this.#run(
      `INSERT OR REPLACE INTO job (n, tenant, id, state, queue, type, priority, worker, created, updated, expires, text)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      ...[n, tenant, record.id, state, queue, this.#number(record.type), priority, worker],
      ...[record.createdAt, record.updatedAt, expires, text],
    );
    this.#count({ tenant, state, queue, priority }, 1);
    if (known === undefined)
      for (const tag of new Set(record.tags))
        this.#run('INSERT OR IGNORE INTO tagged VALUES (?, ?, ?)').run(tenant, tag, n);
    if (known?.['text'] === text) return;
    if (known !== undefined) this.#run('DELETE FROM found WHERE rowid = ?').run(n);
    this.#run('INSERT INTO found (rowid, text) VALUES (?, ?)').run(n, words);
  }

  #remove(n: number): void {
    const known = this.#run('SELECT tenant, state, queue, priority FROM job WHERE n = ?').get(n);
    if (known === undefined) return;
    this.#count(known, -1);
    for (const sql of [
      'DELETE FROM job WHERE n = ?',
      'DELETE FROM tagged WHERE n = ?',
      'DELETE FROM found WHERE rowid = ?',
    ])
      this.#run(sql).run(n);
  }

  #count({ tenant, state, queue, priority }: Row, by: number): void {
    this.#run(
      `INSERT INTO lane VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET count = count + excluded.count`,
    ).run(Number(tenant), Number(state), Number(queue), Number(priority), by);
  }

  /** A number for a new job: the next of its block, or of the one behind where that is full. */
  #free(createdAt: number): number {
    let [from, to] = block(createdAt);
    for (;;) {
      const last = this.#run('SELECT max(n) AS last FROM job WHERE n >= ? AND n < ?').get(from, to)?.['last'];
      const next = last === null || last === undefined ? from : Number(last) + 1;
      if (next < to) return next;
      [from, to] = [to, to + (to - from)];
    }
  }

  #number(word: string): number {
    const known = this.#known(word);
    if (known !== undefined) return known;
    const number = Number(this.#run('INSERT INTO word (text) VALUES (?)').run(word).lastInsertRowid);
    this.#words.set(word, number);
    return number;
  }

  #known(word: string): number | undefined {
    const known = this.#words.get(word) ?? this.#run('SELECT number FROM word WHERE text = ?').get(word)?.['number'];
    if (known === undefined || known === null) return undefined;
    this.#words.set(word, Number(known));
    return Number(known);
  }

  #run(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function stateNumber(state: JobState): number {
  return jobStates.indexOf(state);
}

function rank({ priority }: JobRecord): number {
  return priorities.indexOf(priority);
}
