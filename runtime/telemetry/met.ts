/**
 * The values of labels that a process has met: types that workers bring, and lanes that jobs are in.
 *
 * A counter that begins with its first event begins too late: Prometheus sees how it grows only where it saw it before. So series
 * stand at 0 as soon as it is known that there could be some, whatever happens in them later. What is met is never forgotten,
 * as a counter is not either.
 */

import type { EventName, Told } from './event.ts';

const labels = ['type', 'queue', 'priority'] as const;
type MetLabel = (typeof labels)[number];

/** Where jobs are of which nobody said where. */
const usual = { queue: 'default', priority: 'medium' } as const;
/** Before what is told there is counted, so that no series is begun anew. */
const ofJobs: ReadonlySet<EventName> = new Set(['job.opened', 'attempt.started', 'attempt.ended']);
const ofWorkers: ReadonlySet<EventName> = new Set(['worker.joined', 'worker.started']);

export class Met {
  readonly #values: Readonly<Record<MetLabel, Set<string>>> = {
    type: new Set(),
    queue: new Set([usual.queue]),
    priority: new Set([usual.priority]),
  };

  /** The values of a label; none of one that events do not tell of. */
  of(label: string): readonly string[] {
    const known = labels.find((each) => each === label);
    return known === undefined ? [] : [...this.#values[known]];
  }

  /** Whether an event tells of a value that was not met before. */
  hear({ name, facts }: Told): boolean {
    const isOfJob = ofJobs.has(name);
    if (!isOfJob && !ofWorkers.has(name)) return false;
    const told: Readonly<Record<string, unknown>> = { ...facts };
    if (!isOfJob) return this.#meet('type', ...String(told['types'] ?? '').split(','));
    return labels.filter((label) => this.#meet(label, String(told[label] ?? ''))).length > 0;
  }

  #meet(label: MetLabel, ...values: readonly string[]): boolean {
    const known = this.#values[label];
    const before = known.size;
    for (const value of values) if (value !== '') known.add(value);
    return known.size > before;
  }
}
