/**
 * A workflow as somebody gives it, and the plan that is made of it: which jobs there are, and which wait for which.
 *
 * All is checked before the first is written: names, circles, sizes. Nodes stand in the plan so that each comes after
 * all that it waits for.
 */

import { idPattern, jobsAtMost } from '../actors/admission.ts';
import { type After as AfterJobs, cyclesOf } from '../machines/rules/after.ts';
import { Fault } from '../runtime/faults.ts';
import type { JobDefinition } from '../runtime/handler.ts';
import { nearest } from '../runtime/options/nearest.ts';
import { nodeJobIds } from '../runtime/workflow.ts';
import { type AfterGiven, afterTexts, type SubmitOptions } from './submit-options.ts';

/** Everything that may be said about the jobs of a node beside their payload. */
export type WorkflowJobOptions = Omit<SubmitOptions, 'id' | 'idempotencyKey' | 'after'>;

/** A node of a workflow: one job, or with `each` one for each payload. */
export interface WorkflowNode {
  type: string | JobDefinition;
  payload?: unknown;
  /** A job for each of these payloads; a node after it waits for all of them and gets the list of their results. */
  each?: readonly unknown[] | undefined;
  /**
   * The nodes that it waits for: `['probe']`, or `{ jobs: ['a', 'b'], need: 'any', when: 'end' }`. `job:ID` stands for a job
   * outside of the workflow, which need not be there yet: one that a handler of the workflow submits.
   */
  after?: AfterGiven | undefined;
  options?: WorkflowJobOptions | undefined;
}

/** A workflow: jobs by name, given at once. */
export interface WorkflowGiven {
  /** Makes it idempotent: the same id with the same jobs is the same workflow. One of its own unless given. */
  id?: string | undefined;
  /** For people. */
  name?: string | undefined;
  /** When a job fails: `continue` (unless given) lets all run that do not wait for it, `stop` none that still waits. */
  onFailure?: 'stop' | 'continue' | undefined;
  jobs: Readonly<Record<string, WorkflowNode>>;
}

/** A node with its jobs. */
export interface PlannedNode {
  name: string;
  given: WorkflowNode;
  /** Ids and payloads of its jobs, in order. */
  jobs: readonly { id: string; payload: unknown }[];
  /** Ids of the jobs that each of them waits for, as the envelope says it. */
  after: Readonly<Record<string, unknown>>;
  waits: Pick<AfterJobs, 'jobs' | 'need'>;
}

const nodePattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/;
const idInWorkflowPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/;
const fieldsOfWorkflow = ['id', 'name', 'onFailure', 'jobs'];
const fieldsOfNode = ['type', 'payload', 'each', 'after', 'options'];

/** A workflow of JSON. @throws {Fault} `input.invalid` */
export function workflowOf(json: unknown): WorkflowGiven {
  if (!isObject(json)) throw refused('a workflow to be an object with `jobs`', kindOf(json), example);
  expectFields('a workflow', json, fieldsOfWorkflow);
  const { id, name, onFailure, jobs } = json;
  if (!isObject(jobs)) throw refused('`jobs` to be an object of nodes by name', kindOf(jobs), example);
  return {
    ...(id === undefined ? {} : { id: text('id', id) }),
    ...(name === undefined ? {} : { name: text('name', name) }),
    ...(onFailure === undefined ? {} : { onFailure: policy(onFailure) }),
    jobs: Object.fromEntries(Object.entries(jobs).map(([node, given]) => [node, nodeOf(node, given)])),
  };
}

const example =
  'Write, for example, `{"jobs": {"probe": {"type": "probe"}, "cut": {"type": "cut", "after": ["probe"]}}}`.';

function policy(given: unknown): 'stop' | 'continue' {
  if (given === 'stop' || given === 'continue') return given;
  throw refused('`onFailure` to be stop or continue', String(given), 'Correct it.');
}

function text(name: string, given: unknown): string {
  if (typeof given === 'string') return given;
  throw refused(`\`${name}\` to be a text`, kindOf(given), 'Correct it.');
}

function nodeOf(node: string, given: unknown): WorkflowNode {
  if (!isObject(given)) throw refused(`node ${node} to be an object with \`type\``, kindOf(given), example);
  expectFields(`node ${node}`, given, fieldsOfNode);
  const { type, payload, each, after, options } = given;
  if (each !== undefined && !Array.isArray(each))
    throw refused(`\`each\` of ${node} to be a list of payloads`, kindOf(each), 'Give a list.');
  if (options !== undefined && !isObject(options))
    throw refused(`\`options\` of ${node} to be an object`, kindOf(options), 'Give an object.');
  return {
    type: text(`type of ${node}`, type),
    ...(payload === undefined ? {} : { payload }),
    ...(each === undefined ? {} : { each }),
    ...(after === undefined ? {} : { after: afterIn(node, after) }),
    ...(options === undefined ? {} : { options }),
  };
}

function afterIn(node: string, given: unknown): AfterGiven {
  if (isTexts(given)) return given;
  if (!isObject(given) || !isTexts(given['jobs']))
    throw refused(`\`after\` of ${node} to be a list of nodes, or an object with \`jobs\``, kindOf(given), example);
  expectFields(`\`after\` of ${node}`, given, ['jobs', 'need', 'when']);
  const { need, when } = given;
  return {
    jobs: given['jobs'],
    ...(need === 'any' || need === 'all' ? { need } : {}),
    ...(when === 'success' || when === 'failure' || when === 'end' ? { when } : {}),
    ...wrongWords({ need, when }, node),
  };
}

/** @throws {Fault} `input.invalid` */
function wrongWords({ need, when }: { need: unknown; when: unknown }, node: string): Record<string, never> {
  if (need !== undefined && need !== 'any' && need !== 'all')
    throw refused(`\`need\` of ${node} to be all or any`, String(need), 'Correct it.');
  if (when !== undefined && when !== 'success' && when !== 'failure' && when !== 'end')
    throw refused(`\`when\` of ${node} to be success, failure or end`, String(when), 'Correct it.');
  return {};
}

function isTexts(given: unknown): given is readonly string[] {
  return Array.isArray(given) && given.every((each) => typeof each === 'string');
}

function expectFields(what: string, given: Record<string, unknown>, known: readonly string[]): void {
  const wrong = Object.keys(given).find((name) => !known.includes(name));
  if (wrong === undefined) return;
  const close = nearest(wrong, known);
  throw refused(
    `${what} to have known fields`,
    `\`${wrong}\``,
    close === undefined ? `Known are ${known.join(', ')}.` : `Did you mean \`${close}\`?`,
  );
}

/**
 * The nodes of a workflow with their jobs, each after all that it waits for.
 *
 * @throws {Fault} `input.invalid`: unknown names, circles, too many jobs, ids that are none.
 */
export function workflowPlan(id: string, { jobs }: WorkflowGiven): readonly PlannedNode[] {
  if (!idInWorkflowPattern.test(id))
    throw refused('the id of a workflow to be 1 to 40 letters, digits, `_` and `-`', `\`${id}\``, 'Choose another id.');
  const names = Object.keys(jobs);
  if (names.length === 0) throw refused('a workflow of at least one job', 'none', example);
  const counts = new Map(Object.entries(jobs).map(([name, node]) => [name, countOf(name, node)]));
  const planned = Object.entries(jobs).map(([name, node]) => planNode(id, name, node, counts));
  expectNoCircle(planned);
  expectIds(planned);
  expectOutside(planned);
  return inOrder(planned);
}

/** How many jobs a node is; 0 where it is no list. */
function countOf(name: string, { payload, each }: WorkflowNode): number {
  if (!nodePattern.test(name))
    throw refused('names of nodes of 1 to 40 letters, digits, `_` and `-`', `\`${name}\``, 'Choose another name.');
  if (each !== undefined && payload !== undefined)
    throw refused(`either \`payload\` or \`each\` of ${name}`, 'both', 'Put what all have in common into each.');
  if (each?.length === 0)
    throw refused(`\`each\` of ${name} to have payloads`, 'none', 'Leave the node out, or give one.');
  return each?.length ?? 0;
}

function planNode(
  workflow: string,
  name: string,
  given: WorkflowNode,
  counts: ReadonlyMap<string, number>,
): PlannedNode {
  const ids = nodeJobIds(workflow, name, counts.get(name) ?? 0);
  const jobs = ids.map((id, at) => ({
    id,
    payload: given.each === undefined ? (given.payload ?? {}) : given.each[at],
  }));
  if (given.after === undefined) return { name, given, jobs, after: {}, waits: { jobs: [], need: 'all' } };
  const said = 'jobs' in given.after ? given.after : { jobs: given.after };
  const nodes = said.jobs.filter((other) => outsideId(other) === undefined);
  for (const other of nodes) expectNode(name, other, [...counts.keys()]);
  const waitsFor = said.jobs.flatMap(
    (other) => outsideId(other) ?? nodeJobIds(workflow, other, counts.get(other) ?? 0),
  );
  const { need = 'all' } = said;
  const after = waitsFor.length === 0 ? {} : afterTexts({ ...said, jobs: waitsFor });
  return { name, given, jobs, after, waits: { jobs: nodes, need } };
}

const outside = 'job:';

/** The id of a job outside of the workflow, where `other` names one. */
function outsideId(other: string): string | undefined {
  return other.startsWith(outside) ? other.slice(outside.length) : undefined;
}

function expectNode(node: string, other: string, names: readonly string[]): void {
  if (other !== node && names.includes(other)) return;
  const close = nearest(
    other,
    names.filter((name) => name !== node),
  );
  const hint = close === undefined ? `Its nodes are ${names.join(', ')}.` : `Did you mean ${close}?`;
  throw refused(
    `node ${node} to wait for other nodes of the workflow`,
    other === node ? 'itself' : `\`${other}\``,
    hint,
  );
}

/** Any circle is refused, also one that a lucky job could open. */
function expectNoCircle(nodes: readonly PlannedNode[]): void {
  const waiting = new Map(nodes.map(({ name, waits }) => [name, { jobs: waits.jobs, need: 'all' as const }]));
  const [circle] = cyclesOf(waiting);
  if (circle === undefined) return;
  const path = [...circle, circle[0]].join(' → ');
  throw refused(
    'jobs that do not wait for themselves',
    `the circle ${path} (each waits for the next)`,
    'Take one `after` of it away.',
  );
}

function expectIds(nodes: readonly PlannedNode[]): void {
  const ids = nodes.flatMap(({ jobs }) => jobs.map(({ id }) => id));
  if (ids.length > jobsAtMost)
    throw refused(`a workflow of at most ${jobsAtMost} jobs`, String(ids.length), 'Make several workflows of it.');
  const wrong = ids.find((id, at) => !idPattern.test(id) || ids.indexOf(id) !== at);
  if (wrong === undefined) return;
  throw refused('each job to have an id of its own, of at most 64 characters', `\`${wrong}\``, 'Choose other names.');
}

/** What is inside is named by its node, so that circles are found. */
function expectOutside(nodes: readonly PlannedNode[]): void {
  const ids = new Map(nodes.flatMap(({ name, jobs }) => jobs.map(({ id }) => [id, name])));
  for (const { name, given } of nodes) {
    const after = given.after === undefined || 'jobs' in given.after ? (given.after?.jobs ?? []) : given.after;
    const wrong = after.find((other) => ids.has(outsideId(other) ?? ''));
    if (wrong !== undefined)
      throw refused(
        `node ${name} to wait for nodes by their names`,
        `\`${wrong}\``,
        `Write \`${ids.get(outsideId(wrong) ?? '')}\`.`,
      );
  }
}

function inOrder(nodes: readonly PlannedNode[]): readonly PlannedNode[] {
  const left = new Map(nodes.map((node) => [node.name, node]));
  const ordered: PlannedNode[] = [];
  const isReady = ({ waits }: PlannedNode) => waits.jobs.every((name) => !left.has(name));
  for (let next = nodes.find(isReady); next !== undefined; next = [...left.values()].find(isReady)) {
    left.delete(next.name);
    ordered.push(next);
  }
  return ordered;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}

function refused(expected: string, met: string, advice: string): Fault {
  return new Fault('input.invalid', `Expected ${expected}, got ${met}. ${advice}`);
}
