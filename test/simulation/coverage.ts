/**
 * What many seeds of a story came to: how much went wrong in them, and which edges of the job chart they took. Says of every
 * edge which story has to take it, or why none can.
 */

import { expect } from 'vitest';
import { chartEdges } from '../../runtime/record-edge.ts';
import type { Simulation } from './simulation.ts';

type Edges = readonly [why: string, edges: RegExp];

/** Edges of the chart that no record can show. */
const impossible: readonly Edges[] = [
  ['a job is born before it is stored', /^submitted (?!job.submitted)/],
  ['a wish to cancel only notes itself in what runs', /^(assigned|processing|cancelling) job\.cancel cancelled$/],
  ['a second wish is not written', /^(cancelling job\.cancel cancelling|held job\.hold held)$/],
  ['what was being cancelled is cancelled when it is lost', /^cancelling attempt\.lost (failed|retrying)$/],
  ['what is held or blocked stays so with another moment', /^(held|blocked) job\.reschedule scheduled$/],
  ['what is neither held nor blocked is due then', /^(pending|queued|retrying) job\.reschedule (?!scheduled$)/],
];

/** Edges that one story leaves to another. */
const never = {
  'the bad minute': [
    ['a person does no more than cancel', / job\.(hold|release|reschedule|retry|redrive|move|prioritise) /],
    ['no job waits for others', /^blocked | blocked$/],
    ['there are no workflows', / job\.stopped /],
    ['nobody preempts', / (job\.preempt|attempt\.preempted) /],
  ],
  bonds: [],
} as const satisfies Readonly<Record<string, readonly Edges[]>>;

type Story = keyof typeof never;

/**
 * Take a handler that returns, or a worker that leaves, in the very moment in which its cancelling is being written. Few
 * seeds do the first; `cluster.test.ts` does the second on purpose.
 */
const rare = ['cancelling attempt.completed completed', 'processing attempt.drained cancelled'];

/** So many seeds together take every edge that can be taken, but for the rare ones. */
const enough = 200;

export class Coverage {
  readonly #story: Story;
  readonly #faults = new Map<string, number>();
  readonly #mishaps = new Map<string, number>();
  readonly #covered = new Set<string>();
  #seeds = 0;

  constructor(story: Story) {
    this.#story = story;
  }

  /** One more seed has come to its end. */
  add({ faults, mishaps, history }: Simulation): void {
    this.#seeds++;
    for (const fault of faults) count(this.#faults, fault, 1);
    for (const [mishap, times] of mishaps) count(this.#mishaps, mishap, times);
    for (const edge of history.edges) this.#covered.add(edge);
  }

  /** Tells what it came to; together the seeds took the edges that are the story's, and none that cannot be. */
  check(): void {
    const possible = edgesOf(this.#story);
    const left = possible.filter((edge) => !this.#covered.has(edge));
    process.stdout.write(
      `\n${this.#seeds} seeds: faults ${listed(this.#faults)}; by chance ${listed(this.#mishaps)}; `,
    );
    process.stdout.write(`${possible.length - left.length} of `);
    process.stdout.write(`${possible.length} edges taken${left.map((edge) => `\n  not taken: ${edge}`).join('')}\n`);
    expect([...this.#covered].filter((edge) => !possible.includes(edge))).toEqual([]);
    if (this.#seeds >= enough) expect(left.filter((edge) => !rare.includes(edge))).toEqual([]);
  }
}

/** Edges that a record can show, and that every story leaves to another one. */
export function leftOut(): readonly string[] {
  return without(impossible).filter((edge) => Object.values(never).every((story) => matches(story, edge)));
}

/** What a story has to take. */
function edgesOf(story: Story): readonly string[] {
  return without([...impossible, ...never[story]]);
}

function without(those: readonly Edges[]): readonly string[] {
  return [...chartEdges()].filter((edge) => !matches(those, edge));
}

function matches(those: readonly Edges[], edge: string): boolean {
  return those.some(([, edges]) => edges.test(edge));
}

function count(counts: Map<string, number>, name: string, times: number): void {
  counts.set(name, (counts.get(name) ?? 0) + times);
}

function listed(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, times]) => `${name} ${times}`).join(', ');
}
