/**
 * Quotas: how many jobs of a tenant may be open. Whoever makes jobs of a tenant that has one passes through here.
 *
 * The idea: `_quota.<tenant>.open` lies in the bucket of jobs, and each batch that makes jobs of that tenant rewrites it,
 * expecting the revision that was read. Who knows how many jobs are open, counted when all births up to this revision had
 * been seen, knows that no more are open when the batch lands: nothing was made in between, or the batch is refused.
 *
 *     two doors at once         both read the key at 7 and count 4 of 5: the broker takes one batch and refuses the
 *                               other, whole. Its maker reads 8, counts 5, and makes nothing.
 *     a picture that lags       a count says up to which revision it is complete; one from before the key's is asked
 *                               for again. So it does not matter who counted, nor whether that one still leads.
 *     no leader                 a door counts the heads by itself.
 *     an answer is lost         the batch is repeated until it is accepted or refused (`committer.ts`), and the record
 *                               of the job tells which (`birth.ts`).
 *     the stream lost its end   key and jobs lie in one stream, and a batch is there whole or not at all.
 *
 * What is known after a batch is good for the next one: the revision that the batch gave the key, and so many more jobs. So
 * as long as there is room nobody is asked anything, and the price is one more write in the batch. Births of one
 * tenant by this process follow one another, those that wait together in one batch.
 *
 * Counted are open jobs, however they came to be; what makes them without asking (a redrive, a restore, a version that
 * knows no quotas) is seen within a second, and keeps only new ones out. Who is refused may have been so by a job that
 * ended a moment ago. A tenant without a quota pays nothing.
 */

import { type Clock, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { Entry, JobStore } from '../runtime/ports.ts';
import type { Commit, Committed } from './committer.ts';

/** How many jobs of a tenant are open, where all births up to `revision` are in it. */
export interface OpenCount {
  open: number;
  revision: number;
}

export interface QuotasOptions {
  store: Pick<JobStore, 'readPointer'>;
  clock: Clock;
  /** The most jobs of a tenant that may be open; `undefined` where it has no quota. */
  most(tenant: string): number | undefined | Promise<number | undefined>;
  count(tenant: string): OpenCount | Promise<OpenCount>;
}

/** Jobs of one tenant that are made together or not at all. */
export interface Making {
  tenant: string;
  /** How many more will be open. */
  jobs: number;
  entries: readonly Entry[];
  commit: Commit;
}

const trustMs = 1_000;
/** Counting by hand may take long; it is not done again for so many times as long. */
const trustTimes = 10;
const countAgainMs = 5;
const countWithinMs = 5_000;
const togetherAtMost = 100;
const crowdedMs = 5_000;
const breathTimes = 3;

/** What every batch rewrites that makes jobs of a tenant with a quota. */
export function quotaKey(tenant: string): string {
  return `_quota.${tenant}.open`;
}

export class Quotas {
  readonly #options: QuotasOptions;
  readonly #gates = new Map<string, Gate>();

  constructor(options: QuotasOptions) {
    this.#options = options;
  }

  async has(tenant: string): Promise<boolean> {
    return (await this.#options.most(tenant)) !== undefined;
  }

  /** Writes jobs, where their tenant may have them. @throws {Fault} `quota.full` */
  async commit(making: Making): Promise<Committed> {
    const most = await this.#options.most(making.tenant);
    return most === undefined ? making.commit(making.entries) : this.#gate(making.tenant).pass(making, most);
  }

  /** @throws {Fault} `quota.full` where so many more jobs of a tenant must not be made now. */
  async expect(tenant: string, jobs: number): Promise<void> {
    const most = await this.#options.most(tenant);
    if (most === undefined) return;
    const { open } = await this.#gate(tenant).known(most - jobs);
    if (open + jobs > most) throw full(tenant, { open, most, jobs });
  }

  #gate(tenant: string): Gate {
    const gate = this.#gates.get(tenant) ?? new Gate(tenant, this.#options);
    this.#gates.set(tenant, gate);
    return gate;
  }
}

/** Somebody who waits for its turn. */
interface Passing extends Making {
  most: number;
  settle(committed: Committed): void;
  fail(cause: unknown): void;
}

/** What is known of a tenant: no more than `open` jobs are open as long as the key is at `revision`. */
interface Known extends OpenCount {
  until: number;
}

/** The one way to more open jobs of a tenant, for this process. */
class Gate {
  readonly #tenant: string;
  readonly #options: QuotasOptions;
  #waiting: Passing[] = [];
  #isOpen = false;
  #known: Known | undefined;
  /** How long the write took after which others have not been let in yet. */
  #tookMs = 0;
  /** As long as this, others are taken to write too. */
  #crowdedUntil = 0;

  constructor(tenant: string, options: QuotasOptions) {
    this.#tenant = tenant;
    this.#options = options;
  }

  pass(making: Making, most: number): Promise<Committed> {
    const { promise, resolve, reject } = Promise.withResolvers<Committed>();
    this.#waiting.push({ ...making, most, settle: resolve, fail: reject });
    if (!this.#isOpen) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#isOpen = true;
    for (let together = this.#next(); together.length > 0; together = this.#next()) {
      try {
        await this.#write(together);
      } catch (cause) {
        for (const each of together) each.fail(cause);
      }
    }
    this.#isOpen = false;
  }

  /** Those at the head of the line that are written the same way, none of them under a key of another one. */
  #next(): readonly Passing[] {
    const [first] = this.#waiting;
    const keys = new Set<string>();
    const other = this.#waiting.findIndex(({ commit, entries }) => {
      if (commit !== first?.commit || entries.some(({ key }) => keys.has(key))) return true;
      for (const { key } of entries) keys.add(key);
      return false;
    });
    return this.#waiting.splice(0, Math.min(togetherAtMost, other === -1 ? this.#waiting.length : other));
  }

  async #write(together: readonly Passing[]): Promise<void> {
    for (let left = together; ; ) {
      await this.#letOthersIn();
      const { fitting, known } = await this.#fitting(left);
      const [first] = fitting;
      if (first === undefined) return;
      const from = this.#options.clock.mono();
      const committed = await first.commit([this.#entry(known), ...fitting.flatMap(({ entries }) => entries)]);
      if (committed.kind === 'stored') {
        this.#tookMs = this.#options.clock.mono() - from;
        return this.#stored(fitting, known, committed.revisions);
      }
      left = fitting;
      this.#known = undefined;
      this.#known = await this.#count();
      if (this.#known.revision === known.revision) return this.#inTheWay(fitting);
      this.#crowdedUntil = this.#options.clock.mono() + crowdedMs;
    }
  }

  /**
   * Who has just written knows all that the next write needs, and would be quicker than whoever must count first, again
   * and again. So as long as others write too, it waits after each write for as long as they may need.
   */
  async #letOthersIn(): Promise<void> {
    const { clock } = this.#options;
    const forMs = this.#tookMs * breathTimes * clock.chance();
    this.#tookMs = 0;
    if (forMs > 0 && clock.mono() < this.#crowdedUntil) await pause(clock, forMs);
  }

  /** Those of them that there is room for, the first ones first; the others are refused. */
  async #fitting(left: readonly Passing[]): Promise<{ fitting: readonly Passing[]; known: Known }> {
    const most = Math.min(...left.map((each) => each.most));
    const known = await this.known(most - sumOf(left));
    let { open } = known;
    const fitting = left.filter((each) => {
      const fits = each.jobs <= 0 || open + each.jobs <= each.most;
      if (fits) open += each.jobs;
      else each.fail(full(this.#tenant, { ...each, open }));
      return fits;
    });
    return { fitting, known };
  }

  /** Something other than the key was in the way, of one of them: the others must not suffer by it. */
  async #inTheWay(together: readonly Passing[]): Promise<void> {
    if (together.length === 1) return together[0]?.settle({ kind: 'conflict' });
    const middle = together.length >> 1;
    await this.#write(together.slice(0, middle));
    await this.#write(together.slice(middle));
  }

  #stored(together: readonly Passing[], known: Known, [revision = 0, ...revisions]: readonly number[]): void {
    this.#known = { ...known, revision, open: known.open + sumOf(together) };
    let from = 0;
    for (const { entries, settle } of together) {
      settle({ kind: 'stored', revisions: revisions.slice(from, from + entries.length) });
      from += entries.length;
    }
  }

  #entry({ revision: expected }: Known): Entry {
    const { clock } = this.#options;
    return { key: quotaKey(this.#tenant), expected, pointer: { job: clock.unique(), at: clock.now() } };
  }

  /** How many are open; counted anew where that was too long ago, or was more than `atMost`. */
  async known(atMost: number): Promise<Known> {
    const { clock } = this.#options;
    const known = this.#known;
    if (known !== undefined && known.open <= atMost && clock.mono() < known.until) return known;
    this.#known = await this.#count();
    return this.#known;
  }

  async #count(): Promise<Known> {
    const { store, clock, count } = this.#options;
    const from = clock.mono();
    do {
      const askedAt = clock.mono();
      const [{ revision }, counted] = await Promise.all([
        store.readPointer(quotaKey(this.#tenant)),
        count(this.#tenant),
      ]);
      const now = clock.mono();
      const until = now + Math.max(trustMs, trustTimes * (now - askedAt));
      if (counted.revision >= revision) return { open: counted.open, revision, until };
      await pause(clock, countAgainMs);
    } while (clock.mono() - from < countWithinMs);
    throw new Fault(
      'broker.unavailable',
      `Expected to know how many jobs of tenant ${this.#tenant} are open, and who leads has not caught up for ${countWithinMs / 1_000} s. Try again.`,
    );
  }
}

function sumOf(together: readonly Making[]): number {
  return together.reduce((sum, { jobs }) => sum + jobs, 0);
}

function full(tenant: string, { open, most, jobs }: { open: number; most: number; jobs: number }): Fault {
  const expected = jobs === 1 ? 'room for another job' : `room for ${jobs} more jobs`;
  return new Fault(
    'quota.full',
    `Expected ${expected} of tenant ${tenant}, got ${open} open of ${most}. Wait until some have ended, cancel some, or raise it with \`yard tenant set ${tenant} --max-open\`.`,
    { facts: { tenant, open, most } },
  );
}
