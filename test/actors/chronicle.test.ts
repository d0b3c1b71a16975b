/** The order of all transitions, told to whoever reads a stream that keeps the newest of each key, goes away and comes back. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Chronicle, type ChronicleBounds, type Place, type Told } from '../../actors/chronicle.ts';
import type { Page } from '../../runtime/ports.ts';
import {
  type JobRecord,
  jobKey,
  lastTransition,
  type Stored,
  storedAs,
  type Transition,
} from '../../runtime/record.ts';
import { newJob } from '../ports.contract.ts';

/** A stream that keeps the newest of each key, and the records of jobs that keep so many transitions. */
class Stream {
  readonly stored = new Map<string, Page & { revision: number }>();
  /** Every transition that there ever was, as `key n`, in the order in which they were stored. */
  readonly all: string[] = [];
  readonly #keeps: number;
  #last = 0;

  constructor(keeps: number) {
    this.#keeps = keeps;
  }

  /** Writes a record anew, with so many transitions more. */
  write(key: string, more: number): void {
    const revision = ++this.#last;
    const before = this.stored.get(key);
    const known = before?.kind === 'record' ? before.record : newJob(key.slice('default.'.length));
    const news = Array.from({ length: more }, (_, at) => edge(lastTransition(known) + 1 + at));
    const born = before === undefined ? known.transitions : [];
    for (const { n } of [...born, ...news]) this.all.push(`${key} ${n}`);
    const transitions = [...known.transitions, ...news].slice(-this.#keeps);
    this.#put({ kind: 'record', key, revision, record: this.#written({ ...known, transitions }, revision) });
  }

  /** As whoever reads it finds it: what the writer did not stamp, it does. */
  #written(record: JobRecord, revision: number): JobRecord {
    return storedAs(record, revision).record;
  }

  remove(key: string): void {
    this.#put({ kind: 'removed', key, revision: ++this.#last });
  }

  #put(page: Page & { revision: number }): void {
    this.stored.delete(page.key);
    this.stored.set(page.key, page);
  }

  /** What comes behind a revision, and whether it is the last. */
  after(revision: number): { page: Page & { revision: number }; isNewest: boolean } | undefined {
    const ahead = [...this.stored.values()].filter((page) => page.revision > revision);
    const [page] = ahead;
    return page === undefined ? undefined : { page, isNewest: ahead.length === 1 };
  }
}

/** Whoever listens: reads on, goes away, and comes back to where it was told that it goes on. */
class Listener {
  readonly told: Told[] = [];
  readonly #stream: Stream;
  readonly #bounds: ChronicleBounds;
  #chronicle: Chronicle;
  #next: Place;
  #read: number;

  constructor(stream: Stream, bounds: ChronicleBounds = {}) {
    this.#stream = stream;
    this.#bounds = bounds;
    this.#next = { revision: 1, n: 0 };
    this.#read = 0;
    this.#chronicle = new Chronicle(this.#next, bounds);
  }

  /** Reads one page; of what is told then, takes so much and is cut off, where that is less. */
  read(takes = Number.POSITIVE_INFINITY): void {
    const ahead = this.#stream.after(this.#read);
    if (ahead === undefined) return;
    this.#read = ahead.page.revision;
    const told = this.#chronicle.take(ahead.page, ahead.isNewest);
    for (const each of told.slice(0, takes)) {
      this.told.push(each);
      this.#next = each.next ?? this.#next;
    }
    if (told.length > takes) this.comeBack();
  }

  readAll(): void {
    while (this.#stream.after(this.#read) !== undefined) this.read();
  }

  comeBack(): void {
    this.#chronicle = new Chronicle(this.#next, this.#bounds);
    this.#read = this.#next.revision - 1;
  }

  get transitions(): string[] {
    return this.told.flatMap(({ news }) => (news.kind === 'transition' ? [`${news.key} ${news.transition.n}`] : []));
  }
}

const keys = ['default.a', 'default.b', 'default.c', 'default.d'];
const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('write' as const), key: fc.constantFrom(...keys), more: fc.nat(3) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('read' as const), takes: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('come back' as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer Some> ? Some : never;

function played(
  actions: readonly Action[],
  { keeps = 1_000, isCutOff = true, ...bounds }: ChronicleBounds & { keeps?: number; isCutOff?: boolean },
) {
  const stream = new Stream(keeps);
  const listener = new Listener(stream, bounds);
  for (const each of actions) {
    if (each.do === 'write') stream.write(each.key, each.more);
    if (each.do === 'read') listener.read(isCutOff ? each.takes : undefined);
    if (each.do === 'come back' && isCutOff) listener.comeBack();
  }
  listener.readAll();
  return { stream, listener };
}

describe('whatever is written, read, and cut off at whatever point', () => {
  const actions = fc.array(action, { maxLength: 60 });

  test('each transition is told once, and in the order in which they were stored', () => {
    fc.assert(
      fc.property(actions, (some) => {
        const { stream, listener } = played(some, {});
        expect(listener.transitions).toEqual(stream.all);
        expect(listener.told.every(({ news }) => news.kind === 'transition')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('where more comes than is held back, none is missed, and only who was cut off hears one again', () => {
    fc.assert(
      fc.property(actions, (some) => {
        const bounds = { pagesAtMost: 2, knownAtMost: 10 };
        const whole = played(some, { ...bounds, isCutOff: false });
        expect(whole.listener.transitions.toSorted()).toEqual(whole.stream.all.toSorted());
        const cutOff = played(some, bounds);
        expect(new Set(cutOff.listener.transitions)).toEqual(new Set(cutOff.stream.all));
      }),
      { numRuns: 500 },
    );
  });

  test('what a record has dropped before it was told is said to be missing', () => {
    fc.assert(
      fc.property(actions, (some) => {
        const { stream, listener } = played(some, { keeps: 3 });
        const told = new Set(listener.transitions);
        expect(listener.transitions).toEqual([...told]);
        for (const key of keys) {
          const missed = stream.all.filter((each) => each.startsWith(`${key} `) && !told.has(each));
          const gaps = listener.told.flatMap(({ news }) => (news.kind === 'gap' && news.key === key ? [news] : []));
          expect(gaps.reduce((sum, { atMost = 0 }) => sum + atMost, 0)).toBeGreaterThanOrEqual(missed.length);
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('a job that was removed is a gap, and another one under its id begins anew', () => {
  const stream = new Stream(40);
  const listener = new Listener(stream);
  stream.write('default.a', 1);
  listener.readAll();
  stream.remove('default.a');
  listener.readAll();
  expect(listener.told.at(-1)?.news).toEqual({ kind: 'gap', key: 'default.a', why: 'removed', from: 1, to: 2 });
  stream.write('default.a', 0);
  listener.readAll();
  expect(listener.transitions).toEqual(['default.a 1', 'default.a 2', 'default.a 1']);
});

test('of a writer that does not say by which write a transition was stored, none is told twice while it is known', () => {
  const chronicle = new Chronicle({ revision: 1, n: 0 });
  const record = newJob('a');
  const unstamped = { ...record, transitions: [...record.transitions, edge(2)] };
  const numbers = (stored: Stored) =>
    chronicle
      .take({ kind: 'record', key: jobKey(record), ...stored }, true)
      .map(({ news }) => (news.kind === 'transition' ? news.transition.n : 0));
  expect(numbers({ record, revision: 1 })).toEqual([1]);
  expect(numbers({ record: unstamped, revision: 2 })).toEqual([2]);
});

function edge(n: number): Transition {
  return { n, at: 1_700_000_000_000 + n, event: 'job.hold', from: 'pending', to: 'held', attempt: 0 };
}
