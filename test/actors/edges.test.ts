import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type AnyStateNode, initialTransition, transition } from 'xstate';
import { type JobContext, type JobEvent, jobMachine } from '../../machines/job.ts';
import { edgeName, edgeOf } from '../../runtime/chart.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { born, step } from '../../runtime/step.ts';
import { newborn, type Story, stories } from './edge-stories.ts';
import { entryOf, plainJob, specOf, stage } from './stage.ts';

const golden: readonly string[] = JSON.parse(
  readFileSync(new URL('../golden/job-edges.json', import.meta.url), 'utf8'),
);

test('there is a story for each edge of the chart, and none for an edge that is not there', () => {
  expect(Object.keys(stories)).toEqual(golden);
});

describe('a job in the store takes the edge', () => {
  test.each(Object.entries(stories))('%s', async (_, story) => {
    const { clock, world } = stage();
    let record = born(specOf(plainJob('a')), { ...newborn, ...story.born });
    let revision = await stored(record, 0);
    for (const event of story.events) {
      record = await reread(revision);
      const stepped = step(record, event);
      expect(stepped, `${event.type} in ${record.state}`).toMatchObject({ moved: true });
      revision = await stored(stepped.record, revision);
    }
    record = await reread(revision);
    expect(outcome(record.state, record.context, story)).toEqual(expected(story));
    expect(record.transitions).toHaveLength(1 + story.events.length);

    /** Writes it where nobody was quicker. A write that expects another revision is refused. */
    async function stored(next: JobRecord, expectedRevision: number): Promise<number> {
      const late = await clock.until(world.store.write([entryOf(next, expectedRevision + 7)]));
      expect(late.kind).toBe('refused');
      const written = await clock.until(world.store.write([entryOf(next, expectedRevision)]));
      if (written.kind !== 'accepted') throw new RangeError(`Expected the write to land, got ${written.kind}.`);
      return written.revisions[0] ?? 0;
    }

    async function reread(at: number): Promise<JobRecord> {
      const read = await clock.until(world.store.read('default.a'));
      expect(read?.revision).toBe(at);
      return read?.record ?? record;
    }
  });
});

describe('if the chart lost the edge, its story would end otherwise:', () => {
  test.each(Object.entries(stories))('%s', (name, story) => {
    expect(told(jobMachine, story)).toEqual(expected(story));
    expect(told(without(name), story)).not.toEqual(expected(story));
  });
});

/** What a story says of its end, and nothing else. */
function expected(story: Story): unknown {
  return { state: story.ends, context: { ...story.with } };
}

/** The same of what became of a job. */
function outcome(state: string, context: JobContext, story: Story): unknown {
  const all = new Map(Object.entries(context));
  return { state, context: Object.fromEntries(Object.keys(story.with ?? {}).map((key) => [key, all.get(key)])) };
}

/** How a story ends by this chart, asked through XState's own functions. */
function told(machine: typeof jobMachine, story: Story): unknown {
  const [first] = initialTransition(machine, { ...newborn, ...story.born });
  const ask = (snapshot: typeof first, event: JobEvent) =>
    snapshot.status === 'active' ? transition(machine, snapshot, event)[0] : snapshot;
  const { value, context } = story.events.reduce(ask, first);
  return outcome(leafOf(value), context, story);
}

function leafOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? leafOf(Object.values(value)[0]) : String(value);
}

/** The chart without the edge of this name. */
function without(name: string): typeof jobMachine {
  const chart = jobMachine.provide({});
  const cut = nodesOf(chart.root).flatMap((node) =>
    [...node.transitions.values(), node.always ?? []].map((edges) => {
      const at = edges.findIndex((edge) => edgeName(edgeOf(edge)) === name);
      return at === -1 ? [] : edges.splice(at, 1);
    }),
  );
  expect(cut.flat(), name).toHaveLength(1);
  return chart;
}

function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)];
}
