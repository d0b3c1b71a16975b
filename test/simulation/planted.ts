/**
 * Wrong builds, to see that the checks of the simulation can fail: each takes one promise out of what a process writes.
 *
 * The code of the product stays as it is. A plant stands between a process and its bucket of jobs, and does there what
 * the process would do if somebody had left out the condition, the fence, or the waiting. What a leader decides by itself
 * never comes by there, and is planted where it is decided.
 */

import { vi } from 'vitest';
import { Throttle } from '../../actors/throttle.ts';
import type { MemoryBroker } from '../../runtime/memory/broker.ts';
import type { Entry, JobStore, WriteOutcome } from '../../runtime/ports.ts';

/** What a process of a wrong build has in place of `store`. */
export type Plant = (store: JobStore, broker: MemoryBroker) => JobStore;

/** Every write of a record lands, whatever has become of it since it was read; only the lease is still minded. */
export const withoutCas: Plant = (store, broker) => heedless({ store, broker, minds: ({ key }) => key === '_leader' });

/** What a leader writes lands, whoever holds the lease by now. */
export const withoutFence: Plant = (store, broker) =>
  heedless({ store, broker, minds: ({ key }) => key !== '_leader' });

/** A worker takes its claim for stored as soon as it is sent. */
export const startingTooEarly: Plant = (store) =>
  writingBy(store, async (entries) => {
    const outcome = store.write(entries);
    return entries.every(isClaim)
      ? { kind: 'accepted', revisions: entries.map(({ expected }) => expected + 1) }
      : outcome;
  });

/** From now on a new leader takes what is on its board for all that is out, whatever the former one has offered. */
export function plantNoWaiting(): void {
  const { room } = Throttle.prototype;
  vi.spyOn(Throttle.prototype, 'room').mockImplementation(function (this: Throttle, account) {
    const isUnsure = this.hindrance(account)?.kind === 'unsure';
    return isUnsure ? account.policy.maxActive - account.out.size : room.call(this, account);
  });
}

interface Heedless {
  store: JobStore;
  broker: MemoryBroker;
  /** Whether the condition of a write still counts. */
  minds: (entry: Entry) => boolean;
}

function heedless({ store, broker, minds }: Heedless): JobStore {
  const newest = (key: string) => broker.history().findLast((write) => write.key === key)?.revision ?? 0;
  return writingBy(store, async (entries) => {
    for (;;) {
      const sent = entries.map((entry) => (minds(entry) ? entry : { ...entry, expected: newest(entry.key) }));
      const outcome = await store.write(sent);
      const isOvertaken = sent.some((entry) => !minds(entry) && entry.expected !== newest(entry.key));
      if (outcome.kind !== 'refused' || !isOvertaken) return outcome;
    }
  });
}

/** The same bucket, but for how it is written. */
function writingBy(store: JobStore, write: (entries: readonly Entry[]) => Promise<WriteOutcome>): JobStore {
  return new Proxy(store, {
    get: (target, name) => {
      const found: unknown = name === 'write' ? write : Reflect.get(target, name);
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
}

function isClaim(entry: Entry): boolean {
  return 'record' in entry && entry.record.transitions.at(-1)?.event === 'attempt.claimed';
}
