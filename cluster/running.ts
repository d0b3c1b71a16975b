/**
 * The handlers that run in a cluster in memory, so that its clock may wait for them: they run in real time.
 */

import { Fault } from '../runtime/faults.ts';
import type { JobDefinition, JobRun } from '../runtime/handler.ts';
import { rest } from './pace.ts';

/** Of real time. */
const endWithinMs = 5_000;

export class Running {
  readonly #all = new Map<JobRun<unknown>, Promise<void>>();

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  /** The same type, whose handlers are known here while they run. */
  noting(definition: JobDefinition): JobDefinition {
    return { ...definition, run: (job) => this.#note(job, async () => await definition.run(job)) };
  }

  /** Resolves when those that run now have ended. @throws {Fault} `wait.timedOut` where one does not within 5 s. */
  async ended(): Promise<void> {
    if (this.isEmpty) return;
    const inTime = new AbortController();
    const late = rest(endWithinMs, inTime.signal).then(() => {
      if (!inTime.signal.aborted) throw this.#late();
    });
    await Promise.race([Promise.all(this.#all.values()), late]).finally(() => inTime.abort());
  }

  #note(job: JobRun<unknown>, run: () => Promise<unknown>): Promise<unknown> {
    const running = run();
    const over = () => void this.#all.delete(job);
    this.#all.set(job, running.then(over, over));
    return running;
  }

  #late(): Fault {
    const who = [...this.#all.keys()].map(({ type, id }) => `\`${type}\` (job ${id})`).join(', ');
    return new Fault(
      'wait.timedOut',
      `Expected handlers to end before the clock moves on, ${who} still runs. Let it end, or move the clock with \`{ whileRunning: true }\`.`,
    );
  }
}
