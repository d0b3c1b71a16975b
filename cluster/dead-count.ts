/**
 * How many jobs lie in the dead letter, by queue and priority: the leader keeps no picture of settled jobs, the view beside it does.
 *
 * Asked while this master leads, and only where the view is there already or somebody wants the number so much (`isWanted`) that it
 * is made for it. Until it is complete nobody knows, and nothing is said.
 */

import type { Cancel, Clock } from '../runtime/clock.ts';
import type { LaneCount } from '../runtime/view.ts';
import type { ViewThread } from './view.ts';

export interface DeadCountOptions {
  view: Pick<ViewThread, 'answer' | 'isThere'>;
  clock: Clock;
  isLeader(): boolean;
  isWanted: boolean;
}

export type DeadLane = Pick<LaneCount, 'queue' | 'priority' | 'count'>;

const everyMs = 1_000;

export class DeadCount {
  readonly #options: DeadCountOptions;
  readonly #stop: Cancel;
  #isAsking = false;
  #lanes: readonly DeadLane[] | undefined;

  constructor(options: DeadCountOptions) {
    this.#options = options;
    this.#stop = options.clock.every(everyMs, () => void this.#ask());
  }

  /** Of all tenants together; `undefined` where nobody knows. */
  get lanes(): readonly DeadLane[] | undefined {
    return this.#lanes;
  }

  stop(): void {
    this.#stop();
  }

  async #ask(): Promise<void> {
    const { view, isLeader, isWanted } = this.#options;
    if (!isLeader() || !(isWanted || view.isThere)) {
      this.#lanes = undefined;
      return;
    }
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      const answer = await view.answer({ what: 'counts', atLeast: 0 });
      const isKnown = 'counts' in answer && !answer.age.isBuilding;
      this.#lanes = isKnown ? together(answer.counts.filter(({ state }) => state === 'failed')) : undefined;
    } catch {
      this.#lanes = undefined;
    }
    this.#isAsking = false;
  }
}

function together(counts: readonly LaneCount[]): readonly DeadLane[] {
  const lanes = new Map<string, DeadLane>();
  for (const { queue, priority, count } of counts) {
    const name = `${queue} ${priority}`;
    lanes.set(name, { queue, priority, count: (lanes.get(name)?.count ?? 0) + count });
  }
  return [...lanes.values()];
}
