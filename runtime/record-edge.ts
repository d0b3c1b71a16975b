/**
 * Every edge that a record may show, read off the job chart itself: `assigned attempt.started processing`.
 *
 * A transition of a composite state counts for each leaf in it; guards are not asked, so this is what may happen at
 * all, and not what may happen now.
 */

import { jobMachine } from '../machines/job.ts';

type StateNode = typeof jobMachine.root;

/** An edge as a word: from, event, to. */
export function edge({ from, event, to }: { from: string; event: string; to: string }): string {
  return `${from} ${event} ${to}`;
}

/** All of them. */
export function chartEdges(): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { node, events } of leaves(jobMachine.root, []))
    for (const { event, targets } of events)
      for (const to of targets.length === 0 ? [node.key] : targets) found.add(edge({ from: node.key, event, to }));
  return found;
}

interface Way {
  event: string;
  targets: readonly string[];
}

function* leaves(node: StateNode, inherited: readonly Way[]): Iterable<{ node: StateNode; events: readonly Way[] }> {
  const events = [...inherited, ...waysOf(node)];
  const children: StateNode[] = Object.values(node.states);
  if (children.length === 0) yield { node, events };
  for (const child of children) yield* leaves(child, events);
}

/** Births are told as the event that people know: `job.submitted`. */
function waysOf(node: StateNode): Way[] {
  const told = [...node.transitions.values()].flat().map((way) => ({ event: way.eventType, targets: targetsOf(way) }));
  const births = (node.always ?? []).map((way) => ({ event: 'job.submitted', targets: targetsOf(way) }));
  return [...told, ...births];
}

function targetsOf({ target = [] }: { target?: readonly { key: string }[] | undefined }): string[] {
  return target.map(({ key }) => entry(key));
}

/** `active` is entered as `assigned`; every other target is a leaf. */
function entry(key: string): string {
  return key === 'active' ? 'assigned' : key;
}
