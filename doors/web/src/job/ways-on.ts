/**
 * What may happen to a job from where it is: every edge that leaves its state or one that holds it, in the order in which the
 * machine tries them, with what the guards say of this record.
 *
 * An edge behind one of the same event that is taken anyway is not taken. A job is only read here; the machine decides.
 */

import type { JobRecord } from '../../../../sdk/index.ts';
import { guardWords } from '../../drawing/guards.ts';
import type { Drawing } from '../../drawing/layout.ts';

export interface Next {
  event: string;
  guard: string;
  to: string;
  description: string;
  /** Why it is not taken now; undefined where it may be. */
  forbidden: string | undefined;
}

export function nextOf(
  { boxes, wires }: Pick<Drawing, 'boxes' | 'wires'>,
  job: Pick<JobRecord, 'state' | 'context'>,
): readonly Next[] {
  const here = boxes.find(({ name, leaf }) => leaf && name === job.state)?.path;
  if (here === undefined) return [];
  const holders = boxes.filter(({ path }) => here === path || here.startsWith(`${path}.`)).toReversed();
  const edges = holders.flatMap(({ path, stays }) => [
    ...wires
      .filter(({ from }) => from === path)
      .flatMap(({ to, ways }) => ways.map((way) => ({ ...way, from: path, to: nameOf(to) }))),
    ...stays.map((way) => ({ ...way, from: path, to: '' })),
  ]);
  return [
    ...Map.groupBy(
      edges.filter(({ event }) => event !== ''),
      ({ event }) => event,
    ).values(),
  ].flatMap((those) => ofOneEvent(those, job.context));
}

type Edge = Drawing['wires'][number]['ways'][number] & { from: string; to: string };

/** The innermost state that knows an event is the one that decides on it; of its edges the first whose guard lets pass. */
function ofOneEvent(edges: readonly Edge[], context: JobRecord['context']): readonly Next[] {
  const [first] = edges;
  const those = edges.filter(({ from }) => from === first?.from).toSorted((one, other) => one.order - other.order);
  let taken: string | undefined;
  return those.map(({ event, guard, to, description }) => {
    const words = guardWords[guard];
    const holds = guard === '' ? true : words?.holds?.(context);
    const forbidden = holds === false ? words?.no : taken;
    if (holds === true && taken === undefined && guard !== '') taken = words?.yes;
    return { event, guard, to, description, forbidden };
  });
}

function nameOf(path: string): string {
  return path.split('.').at(-1) ?? path;
}
