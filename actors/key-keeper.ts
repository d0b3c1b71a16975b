/**
 * Looks after unique keys, for the leader: forgets those that nothing holds, and takes those again that were lost.
 *
 * A key is held or not by what the job behind it is (`unique-key.ts`), so a key that is left over is in nobody's way;
 * it only takes room. It is forgotten at the revision at which nothing held it: whoever took it meanwhile keeps it. What
 * no history can have brought about is put right and counted: a key that points nowhere, an open job without its key.
 *
 * The keys by which workflows are found are forgotten when the job to which they point has been.
 */

import { holdsKey } from '../machines/rules/unique.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import type { JobStore, Pointer, Revision } from '../runtime/ports.ts';
import { type JobRecord, jobKey, type Stored } from '../runtime/record.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { Commit } from './committer.ts';
import { claimAtRedrive } from './unique-key.ts';

export interface KeyKeeperOptions {
  store: JobStore;
  commit: Commit;
  clock: Clock;
  telemetry: Telemetry;
  /** Whether this leader is still believed to lead (`Term.isTrusted`). */
  isTrusted: () => boolean;
}

type Key = Revision & { pointer: Pointer | null };

const restMs = 10_000;
/** So that a round over many keys costs a small part of the time. */
const restTimes = 20;
const atOnce = 500;

export class KeyKeeper {
  readonly #options: KeyKeeperOptions;
  #stopped = false;
  #stop: Cancel = () => {};

  constructor(options: KeyKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#after(restMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#stop();
  }

  /** An open job whose key points elsewhere, as after somebody removed it, takes it again. */
  async check(record: JobRecord): Promise<void> {
    const { store, clock, commit, telemetry } = this.#options;
    const { unique, state, context } = record;
    if (unique === undefined || !holdsKey(unique, { state, attempt: context.attempt })) return;
    const { pointer } = await store.readPointer(unique.key);
    if (pointer?.job === record.id) return;
    const entries = await claimAtRedrive(record, { store, now: clock.now() });
    const committed = await commit(entries);
    if (committed.kind === 'stored') telemetry.tell('auditor.repaired', { key: jobKey(record), what: 'no unique key' });
  }

  #after(ms: number): void {
    if (!this.#stopped) this.#stop = this.#options.clock.after(ms, () => void this.#round());
  }

  async #round(): Promise<void> {
    const { clock, telemetry } = this.#options;
    const began = clock.mono();
    // A broker that is away comes back, and the next round finds what this one left.
    const count = await this.#sweep().catch(() => 0);
    if (count > 0) telemetry.tell('keys.forgotten', { count });
    this.#after(restMs + restTimes * (clock.mono() - began));
  }

  async #sweep(): Promise<number> {
    let count = 0;
    let some: Key[] = [];
    for await (const key of this.#keys()) {
      if (some.push(key) < atOnce) continue;
      count += await this.#sweepSome(some);
      some = [];
    }
    return count + (await this.#sweepSome(some));
  }

  async *#keys(): AsyncIterable<Key> {
    const { store } = this.#options;
    yield* store.uniqueKeys();
    yield* store.workflowKeys();
  }

  async #sweepSome(keys: readonly Key[]): Promise<number> {
    const { store } = this.#options;
    if (keys.length === 0 || !this.#mayGoOn()) return 0;
    const holders = await store.readMany(keys.flatMap((key) => holderKeyOf(key) ?? []));
    const left: Key[] = [];
    for (const key of keys) if (await this.#isLeft(key, holders.get(holderKeyOf(key) ?? ''))) left.push(key);
    return left.length === 0 || !this.#mayGoOn() ? 0 : await store.forget(left);
  }

  /** Whether nothing holds it. */
  async #isLeft(key: Key, read: Stored | undefined): Promise<boolean> {
    const { store, clock, telemetry } = this.#options;
    const { pointer } = key;
    const holderKey = holderKeyOf(key);
    if (pointer === null || holderKey === undefined) {
      telemetry.tell('auditor.repaired', {
        key: key.key,
        what: `${isOfWorkflow(key) ? 'workflow' : 'unique'} key without a job`,
      });
      return true;
    }
    if ((pointer.until ?? 0) > clock.now()) return false;
    // What a replica does not have or cannot read, the stream's leader is asked for; a newer version's is not ours.
    const holder = read ?? (await store.read(holderKey).catch(() => 'unreadable' as const));
    if (holder === 'unreadable') return false;
    if (holder === undefined) return true;
    if (isOfWorkflow(key)) return false;
    const { unique, state, context } = holder.record;
    return unique?.key !== key.key || !holdsKey(unique, { state, attempt: context.attempt });
  }

  #mayGoOn(): boolean {
    return !this.#stopped && this.#options.isTrusted();
  }
}

/** `_workflow.<tenant>.<id>` is kept as long as the job to which it points is. */
function isOfWorkflow({ key }: Key): boolean {
  return key.startsWith('_workflow.');
}

/** `_unique.<tenant>.<hash>`, and so for workflows, points to a job of that tenant. */
function holderKeyOf({ key, pointer }: Key): string | undefined {
  const [, tenant, hash, ...more] = key.split('.');
  if (pointer === null || tenant === undefined || hash === undefined || more.length > 0) return undefined;
  return jobKey({ tenant, id: pointer.job });
}
