/**
 * A page of a list: one walk along one index from where the last page ended, in the order of the list.
 *
 * A page looks at so many jobs and no more, however few pass: then it ends with a cursor all the same, so that no question
 * takes long, and whoever wants more asks on. The cursor is a place in the order (moment and id), not a count, so nothing that is
 * written meanwhile doubles a job or hides one that did not move; it means the same at every master.
 *
 * A search walks along the numbers of jobs, of which those of about one moment stand in blocks (`schema.ts`): only within a
 * block they are put in order here.
 */

import { createHash } from 'node:crypto';
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { type JobState, jobStates } from '../machines/job.ts';
import { priorities } from '../machines/rules/lanes.ts';
import { Fault } from '../runtime/faults.ts';
import type { JobSort, KeyPage, ListQuery } from '../runtime/view.ts';
import { block, slots } from './schema.ts';
import { matchOf } from './text.ts';

/** The most that one page looks at. */
const mostScanned = 200_000;

/** The last job of a page. */
interface Place {
  at: number;
  id: string;
}

interface Found extends Place {
  block: number;
  isHit: boolean;
}

/** The number of a word, where any job has it. */
type Known = (word: string) => number | undefined;

interface Plan {
  sql: string;
  values: Record<string, SQLInputValue>;
}

export function listKeys(database: DatabaseSync, query: ListQuery, known: Known): KeyPage {
  const { sort = '-created', tenant, limit, cursor, search } = query;
  if (search !== undefined && !sort.endsWith('created'))
    throw wrong(`Expected \`sort\` to be created or -created where words are searched for, got ${sort}.`);
  const from = cursor === undefined ? undefined : readCursor(cursor, query);
  const plan = planOf(query, from, known);
  if (plan === undefined) return { keys: [] };
  let scanned = 0;
  database.function('tired', { deterministic: false }, () => (++scanned > mostScanned ? 1 : 0));
  const keys: string[] = [];
  let last: Place | undefined;
  for (const found of inOrder(walk(database, plan), sort)) {
    if (keys.length === limit) return { keys, next: cursorOf(query, last ?? found) };
    last = found;
    if (!found.isHit) return { keys, next: cursorOf(query, found) };
    keys.push(`${tenant}.${found.id}`);
  }
  return { keys };
}

function* walk(database: DatabaseSync, { sql, values }: Plan): Generator<Found> {
  for (const { at, id, n, hit } of database.prepare(sql).iterate(values))
    yield {
      at: Number(at),
      id: String(id),
      block: n === null ? -1 : Math.floor(Number(n) / slots),
      isHit: Number(hit) === 1,
    };
}

/** Those of a block by moment and id. What is in no block comes in order already. */
function* inOrder(all: Iterable<Found>, sort: JobSort): Generator<Found> {
  let together: Found[] = [];
  for (const found of all) {
    const [first] = together;
    if (first !== undefined && first.block !== found.block) {
      yield* sorted(together, sort);
      together = [];
    }
    if (found.block === -1) yield found;
    else together.push(found);
  }
  yield* sorted(together, sort);
}

function sorted(found: Found[], sort: JobSort): Found[] {
  const way = sort.startsWith('-') ? -1 : 1;
  // Where it grew tired stays last.
  return found.sort((a, b) => Number(b.isHit) - Number(a.isHit) || way * (a.at - b.at || (a.id < b.id ? -1 : 1)));
}

/** `undefined` where no job can pass. */
function planOf(query: ListQuery, from: Place | undefined, known: Known): Plan | undefined {
  const { sort = '-created', search } = query;
  const tenant = known(query.tenant);
  const filter = filterOf(query, known);
  if (tenant === undefined || filter === undefined) return undefined;
  const [column, down] = [sort.replace('-', ''), sort.startsWith('-')];
  const [order, before] = down ? ['DESC', '<'] : ['ASC', '>'];
  const state = [query.state ?? []].flat();
  const walks = { ...filter.values, tenant };
  const behind = from === undefined ? '' : `AND (${column}, id) ${before} ($at, $id)`;
  const values = from === undefined ? walks : { ...walks, at: from.at, id: from.id };
  if (search !== undefined) {
    const bound = from === undefined ? '' : `AND found.rowid ${before}= $bound`;
    const [first, end] = block(from?.at ?? 0);
    return {
      sql: `SELECT created AS at, id, n, (tenant = $tenant ${behind} ${filter.sql}) AS hit
        FROM found CROSS JOIN job ON job.n = found.rowid
        WHERE found MATCH $match ${bound} AND ((tenant = $tenant ${behind} ${filter.sql}) OR tired())
        ORDER BY found.rowid ${order}`,
      values: { ...values, match: matchOf(search), ...(from === undefined ? {} : { bound: down ? end - 1 : first }) },
    };
  }
  const [one, other] = state;
  const isOfState = one !== undefined && other === undefined && column === 'created';
  const along = isOfState ? 'AND state = $along' : '';
  return {
    sql: `SELECT ${column} AS at, id, NULL AS n, (1 ${filter.sql}) AS hit
      FROM job INDEXED BY job_${isOfState ? 'state' : column}
      WHERE tenant = $tenant ${along} ${behind} AND ((1 ${filter.sql}) OR tired())
      ORDER BY ${column} ${order}, id ${order}`,
    values: isOfState ? { ...values, along: jobStates.indexOf(one) } : values,
  };
}

/** Conditions that each begin with AND; `undefined` where a word is of no job. */
function filterOf(query: ListQuery, known: Known): Plan | undefined {
  const values: Plan['values'] = {};
  const parts: string[] = [];
  const add = (sql: string, name: string, value: SQLInputValue | undefined) => {
    if (value === undefined) return;
    parts.push(`AND ${sql} $${name}`);
    values[name] = value;
  };
  const states: readonly JobState[] = query.state === undefined ? [] : [query.state].flat();
  if (states.length > 0) parts.push(`AND state IN (${states.map((state) => jobStates.indexOf(state)).join(', ')})`);
  if (query.priority !== undefined) parts.push(`AND priority = ${priorities.indexOf(query.priority)}`);
  for (const [name, word] of [
    ['queue', query.queue],
    ['type', query.type],
  ] as const) {
    const number = word === undefined ? undefined : known(word);
    if (word !== undefined && number === undefined) return undefined;
    add(`${name} =`, name, number);
  }
  if (query.workers !== undefined)
    parts.push(`AND worker IN (${query.workers.flatMap((worker) => known(worker) ?? []).join(', ') || '-1'})`);
  add('created >=', 'createdFrom', query.createdFrom);
  add('created <', 'createdTo', query.createdTo);
  add('updated >=', 'updatedFrom', query.updatedFrom);
  add('updated <', 'updatedTo', query.updatedTo);
  if (query.tag !== undefined) {
    parts.push(
      'AND EXISTS (SELECT 1 FROM tagged WHERE tagged.tenant = job.tenant AND tagged.tag = $tag AND tagged.n = job.n)',
    );
    values['tag'] = query.tag;
  }
  return { sql: parts.join(' '), values };
}

function cursorOf(query: ListQuery, { at, id }: Place): string {
  return Buffer.from(JSON.stringify([at, id, digestOf(query)])).toString('base64url');
}

/** @throws {Fault} `input.invalid` */
function readCursor(cursor: string, query: ListQuery): Place {
  const place = placeIn(cursor, digestOf(query));
  if (place !== undefined) return place;
  throw wrong('Expected the `next` of a page of the same list, got another cursor. Begin anew without one.');
}

function placeIn(cursor: string, digest: string): Place | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (!Array.isArray(read)) return undefined;
    const [at, id, of]: readonly unknown[] = read;
    return typeof at === 'number' && typeof id === 'string' && of === digest ? { at, id } : undefined;
  } catch {
    return undefined;
  }
}

/** Of what makes the list; the size of a page does not. */
function digestOf({ cursor: _c, limit: _l, ...list }: ListQuery): string {
  const said = Object.entries(list)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(said)).digest('base64url').slice(0, 8);
}

function wrong(message: string): Fault {
  return new Fault('input.invalid', message);
}
