/**
 * Lists workflows, the newest first, page by page. A workflow has no record: what is told of one follows from its jobs, which
 * are read for those alone that may be shown.
 *
 * A page ends when it is full, or when many jobs were read for it: then it may have fewer than asked for, or none, and more
 * behind `next`.
 */

import { Fault } from '../runtime/faults.ts';
import type { JobStore } from '../runtime/ports.ts';
import { jobKey, type Stored } from '../runtime/record.ts';
import { type WorkflowState, workflowJobIds, workflowKey } from '../runtime/workflow.ts';
import { summaryOf, type WorkflowSummary } from './workflow-view.ts';

/** Which workflows. */
export interface WorkflowFilter {
  state?: WorkflowState | undefined;
  /** What stands in the id or in the name, in capitals or not. */
  search?: string | undefined;
}

export interface WorkflowListing extends WorkflowFilter {
  limit?: number | undefined;
  /** The `next` of the page before. */
  cursor?: string | undefined;
}

export interface WorkflowPage {
  workflows: readonly WorkflowSummary[];
  /** The `cursor` of the next page; absent where this is the last. */
  next?: string;
}

/** A workflow, by the key that points to one of its jobs. */
interface Pointed {
  id: string;
  job: string;
  /** When it was made, epoch ms. */
  at: number;
}

interface Where {
  store: Pick<JobStore, 'workflowKeys' | 'readMany'>;
  tenant: string;
}

const readsAtMost = 5_000;

/** @throws {Fault} `input.invalid` for a cursor that is none. */
export async function workflowPage(where: Where, { limit = 50, cursor, ...filter }: WorkflowListing) {
  const left = after(await newest(where), cursor);
  const workflows: WorkflowSummary[] = [];
  let reads = 0;
  for (const [at, pointed] of left.entries()) {
    const jobs = await jobsOf(where, pointed, filter);
    reads += 1 + jobs.length;
    const summary = summaryIn(jobs);
    if (summary !== undefined && passes(summary, filter)) workflows.push(summary);
    const isLast = at === left.length - 1;
    if (!isLast && (workflows.length >= limit || reads >= readsAtMost)) return { workflows, next: cursorOf(pointed) };
  }
  return { workflows } satisfies WorkflowPage;
}

async function newest({ store, tenant }: Where): Promise<readonly Pointed[]> {
  const prefix = workflowKey(tenant, '');
  const found: Pointed[] = [];
  for await (const { key, pointer } of store.workflowKeys(tenant))
    if (pointer !== null) found.push({ id: key.slice(prefix.length), job: pointer.job, at: pointer.at });
  return found.toSorted(inOrder);
}

/** Of one millisecond, by their ids. */
function inOrder(one: Pick<Pointed, 'id' | 'at'>, other: Pick<Pointed, 'id' | 'at'>): number {
  if (one.at !== other.at) return other.at - one.at;
  return one.id < other.id ? -1 : Number(one.id > other.id);
}

/** Its jobs, each after all that it waits for; none where its name and its id say already that it is not meant. */
async function jobsOf(
  { store, tenant }: Where,
  { id, job }: Pointed,
  { search = '' }: WorkflowFilter,
): Promise<readonly Stored[]> {
  const keyOf = (one: string) => jobKey({ tenant, id: one });
  const first = (await store.readMany([keyOf(job)])).get(keyOf(job));
  const part = first?.record.workflow;
  if (first === undefined || part === undefined || !isMeant({ id, name: part.name }, search)) return [];
  const keys = workflowJobIds(part).map(keyOf);
  const others = keys.length === 1 ? new Map([[keyOf(job), first]]) : await store.readMany(keys);
  return keys.flatMap((key) => others.get(key) ?? []);
}

function isMeant({ id, name = '' }: { id: string; name?: string | undefined }, search: string): boolean {
  const wanted = search.trim().toLowerCase();
  return id.toLowerCase().includes(wanted) || name.toLowerCase().includes(wanted);
}

function summaryIn(jobs: readonly Stored[]): WorkflowSummary | undefined {
  const part = jobs[0]?.record.workflow;
  return part === undefined ? undefined : summaryOf(part, jobs);
}

function passes({ state }: WorkflowSummary, filter: WorkflowFilter): boolean {
  return filter.state === undefined || filter.state === state;
}

function cursorOf({ at, id }: Pointed): string {
  return `${at.toString(36)}.${id}`;
}

/** @throws {Fault} `input.invalid` */
function after(pointed: readonly Pointed[], cursor: string | undefined): readonly Pointed[] {
  if (cursor === undefined) return pointed;
  const [, moment, id] = /^([0-9a-z]{1,10})\.([\w-]{1,40})$/.exec(cursor) ?? [];
  if (moment === undefined || id === undefined)
    throw new Fault(
      'input.invalid',
      `Expected the \`next\` of a page of workflows as cursor, got \`${cursor}\`. Leave it out to begin with the newest.`,
    );
  const before = { at: Number.parseInt(moment, 36), id };
  return pointed.filter((one) => inOrder(before, one) < 0);
}
