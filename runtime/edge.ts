/**
 * Where an event leads, looked up instead of worked out.
 *
 * XState selects the edge: hierarchy and guards are its own. What the edge then does is known once it has been taken
 * before: from one state it always leads to the same leaf, and changes the context by its assigns alone, since no node
 * of our charts does anything on entry or exit and only the state of birth moves on by itself. So XState works an edge
 * out the first time, in surroundings that do nothing (`inert-scope.ts`, 15 µs), and here it is a lookup (1 µs). What
 * is not as simple as that goes XState's way each time. The two are compared on random walks in
 * `test/runtime/step.test.ts`. This file is the XState border: its casts are allowed nowhere else but in the codec.
 */

import type { StateValue } from 'xstate';
import { type JobContext, type JobEvent, type JobState, jobMachine } from '../machines/job.ts';
import { inertScope } from './inert-scope.ts';

type Snapshot = ReturnType<typeof jobMachine.resolveState>;
type StateNode = typeof jobMachine.root;
type Edge = ReturnType<typeof jobMachine.getTransitionData>[number];
type Change = Partial<JobContext>;
type Assignment = (args: { context: JobContext; event: JobEvent }) => Change;

/** Where a job has come to. */
export interface Arrival {
  state: JobState;
  context: JobContext;
}

/** An edge that can be taken by lookup. */
interface Shortcut {
  to: JobState;
  assigns: readonly (Change | Assignment)[];
}

const scope = inertScope();

/** The path of each leaf in the chart, read off the chart itself: `processing` is `{open: {active: 'processing'}}`. */
const chartPaths: ReadonlyMap<JobState, StateValue> = new Map(leaves(jobMachine.root, []));

function leaves(node: StateNode, path: readonly string[]): [JobState, StateValue][] {
  const children = Object.values(node.states) as StateNode[];
  if (children.length === 0) return [[node.key as JobState, toValue(path)]];
  return children.flatMap((child) => leaves(child, [...path, child.key]));
}

function toValue(path: readonly string[]): StateValue {
  return path.slice(0, -1).reduceRight<StateValue>((inner, key) => ({ [key]: inner }), path.at(-1) ?? '');
}

function leafOf(value: StateValue): JobState {
  let leaf: StateValue | undefined = value;
  while (typeof leaf === 'object') leaf = Object.values(leaf)[0];
  return leaf as JobState;
}

const snapshots = new Map<JobState, Snapshot>();

/** A live snapshot for a stored state, good until the next one: resolved once per state, then only its context is exchanged. */
function revive(state: JobState, context: JobContext): Snapshot {
  let snapshot = snapshots.get(state);
  if (snapshot === undefined) {
    const value = chartPaths.get(state);
    if (value === undefined)
      throw new RangeError(`Expected one of ${[...chartPaths.keys()].join(', ')}, got state ${state}.`);
    snapshot = jobMachine.resolveState({ value: value as never, context });
    snapshots.set(state, snapshot);
  }
  snapshot.context = context;
  return snapshot;
}

const births = new Map<Edge | undefined, JobState>();
const newborn: StateNode = jobMachine.getStateNodeById('job.open.waiting.submitted') as StateNode;
const guards = jobMachine.implementations.guards as Readonly<
  Record<string, (args: { context: JobContext }) => boolean>
>;

/** Where a new job comes to. */
export function birth(context: JobContext): Arrival {
  const edge = newborn.always?.find(({ guard }) => guard === undefined || guards[guard as string]?.({ context }));
  let state = births.get(edge as Edge | undefined);
  if (state === undefined) {
    state = leafOf(jobMachine.getInitialSnapshot(scope, context).value);
    births.set(edge as Edge | undefined, state);
  }
  return { state, context };
}

/** For each state the edges that have been taken from it; `undefined` where one is not that simple. */
const shortcuts = new Map<JobState, Map<Edge, Shortcut | undefined>>();

/** Where `event` leads from `state`; `undefined` where no edge is open to it. */
export function arrival(state: JobState, context: JobContext, event: JobEvent): Arrival | undefined {
  const before = revive(state, context);
  if (before.status !== 'active') return undefined;
  const [edge, ...more] = jobMachine.getTransitionData(before, event);
  if (edge === undefined) return undefined;
  let known = shortcuts.get(state);
  if (known === undefined) {
    known = new Map();
    shortcuts.set(state, known);
  }
  const shortcut = known.get(edge);
  if (shortcut !== undefined) return { state: shortcut.to, context: changed(context, event, shortcut) };
  const after = jobMachine.transition(before, event, scope);
  const to = leafOf(after.value);
  if (!known.has(edge)) known.set(edge, more.length === 0 ? shortcutOf(edge, to) : undefined);
  return { state: to, context: after.context };
}

function shortcutOf(edge: Edge, to: JobState): Shortcut | undefined {
  const assigns = edge.actions.map((action) => assignmentOf(action));
  return assigns.every((assign) => assign !== undefined) ? { to, assigns } : undefined;
}

/** What a named assign of the chart changes; `undefined` where the action is something else. */
function assignmentOf(action: unknown): Shortcut['assigns'][number] | undefined {
  const named = (jobMachine.implementations.actions as Readonly<Record<string, unknown>>)[String(action)] as
    | { type?: string; assignment?: Shortcut['assigns'][number] }
    | undefined;
  return named?.type === 'xstate.assign' ? named.assignment : undefined;
}

function changed(context: JobContext, event: JobEvent, { assigns }: Shortcut): JobContext {
  let now = context;
  for (const assign of assigns) now = { ...now, ...changeBy(assign, now, event) };
  return now;
}

function changeBy(assign: Change | Assignment, context: JobContext, event: JobEvent): Change {
  if (typeof assign === 'function') return assign({ context, event });
  const change = Object.entries(assign).map(([name, given]) => [
    name,
    typeof given === 'function' ? (given as (args: object) => unknown)({ context, event }) : given,
  ]);
  return Object.fromEntries(change) as Change;
}
