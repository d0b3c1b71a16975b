/**
 * What had been taken in before the broker was another one, handed over once more.
 *
 * A broker that loses its power may come back without the last second of what it acknowledged, and without the same
 * second in each of its streams: a submission may be there whose job is gone. So whoever takes submissions in, and
 * finds a broker of which this was never asked (`intake-place.ts`), is handed the last of what was done before,
 * marked as such: it makes the jobs that are missing, and finds all others. New submissions do not wait for that.
 */

import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import { type Cancel, type Clock, pause } from '../runtime/clock.ts';
import { isOfTheWorld } from '../runtime/faults.ts';
import { batchedGet } from './batched-get.ts';

/** A minute, and twice the longest that a broker keeps to itself what it has acknowledged, unless told otherwise. */
const windowMs = 60_000 + 2 * 120_000;
const askEveryMs = 500;
const pageSize = 500;
const againMs = 1_000;

export interface AskingOptions {
  jsm: JetStreamManager;
  stream: string;
  clock: Clock;
  /** The broker that we are connected to, for as long as it runs; empty while that is not known. */
  broker(): string;
  /** Whether this broker has not been asked yet. */
  isNews(broker: string): boolean;
  /** Everything up to this sequence has been taken in. */
  floor(): number;
  onPage(page: readonly StoredMsg[], deliveries: number): Promise<void>;
  /** All that this broker may have forgotten has been decided once more. */
  onAsked(broker: string): Promise<void>;
}

/** Looks twice a second whether the broker is another one: a consumer that goes on by itself would not show it. */
export function keepAsking(options: AskingOptions): Cancel {
  const { clock, broker: current } = options;
  let isBusy = false;
  let isStopped = false;
  const look = async () => {
    const broker = current();
    if (isBusy || broker === '' || !options.isNews(broker)) return;
    isBusy = true;
    const isOver = () => isStopped || broker !== current();
    // Where it fails, the next look tries again.
    const isDone = await replay({ ...options, floor: options.floor(), isOver }).catch(() => false);
    if (isDone) await options.onAsked(broker);
    isBusy = false;
  };
  const cancel = clock.every(askEveryMs, () => void look());
  return () => {
    isStopped = true;
    cancel();
  };
}

type ReplayOptions = Pick<AskingOptions, 'jsm' | 'stream' | 'clock' | 'onPage'> & {
  floor: number;
  isOver(): boolean;
};

/** Resolves when all of it has been decided once more; `false` where it was given up before. */
async function replay(options: ReplayOptions): Promise<boolean> {
  const { jsm, stream, floor } = options;
  const { state } = await jsm.streams.info(stream);
  if (state.messages === 0) return true;
  const since = new Date(Date.parse(state.last_ts) - windowMs);
  let page = await pageFrom(options, { start_time: since });
  while (page.length > 0) {
    const last = page.at(-1)?.seq ?? floor;
    if (!(await decided(options, page))) return false;
    page = last >= floor ? [] : await pageFrom(options, { seq: last + 1 });
  }
  return true;
}

async function pageFrom(
  { jsm, stream, floor }: ReplayOptions,
  from: { seq: number } | { start_time: Date },
): Promise<readonly StoredMsg[]> {
  const page = await batchedGet(jsm, stream, { ...from, batch: pageSize });
  return page.filter(({ seq }) => seq <= floor);
}

/** Hands a page over until it is decided. What fails for a reason of its own is counted, so that it ends one day. */
async function decided({ clock, onPage, isOver }: ReplayOptions, page: readonly StoredMsg[]): Promise<boolean> {
  for (let deliveries = 1; !isOver(); await pause(clock, againMs))
    try {
      await onPage(page, deliveries);
      return true;
    } catch (cause) {
      if (!isOfTheWorld(cause)) deliveries++;
    }
  return false;
}
