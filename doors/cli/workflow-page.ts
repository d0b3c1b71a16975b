/**
 * A workflow as a page: what it is, its nodes with what each waits for, and its jobs.
 */

import type { WorkflowJob, WorkflowNodeView, WorkflowSummary, WorkflowView } from '../../sdk/index.ts';
import { jobStates } from '../job-words.ts';
import { type Column, columns, facts } from './columns.ts';
import type { Style, Terminal } from './terminal.ts';
import { relative, stateStyle } from './words.ts';

const styles: Readonly<Record<WorkflowSummary['state'], Style>> = {
  open: 'cyan',
  completed: 'green',
  failed: 'red',
  cancelled: 'magenta',
};

export function workflowShape(now: number): readonly Column<WorkflowSummary>[] {
  return [
    { title: 'ID', value: ({ id }) => id },
    { title: 'STATE', value: ({ state }) => state, style: ({ state }) => styles[state] },
    { title: 'DONE', value: ({ percent }) => `${percent}%`, align: 'right' },
    { title: 'JOBS', value: ({ jobs }) => String(jobs), align: 'right' },
    { title: 'CREATED', value: ({ createdAt }) => relative(createdAt, now) },
    { title: 'STATES', value: ({ byState }) => counts(byState), shrinks: true },
    { title: 'NAME', value: ({ name = '-' }) => name, shrinks: true },
  ];
}

export function describeWorkflow(view: WorkflowView, { now, terminal }: { now: number; terminal: Terminal }): string {
  const { id, name, state, percent, byState, createdAt, onFailure, forgotten } = view;
  const pairs = [
    ['id', id],
    ['name', name],
    ['state', `${terminal.style(styles[state], state)}, ${percent}% done: ${counts(byState)}`],
    ['created', relative(createdAt, now)],
    ['on failure', onFailure],
    ['forgotten', forgotten === 0 ? undefined : `${forgotten} jobs that settled long ago`],
  ] as const;
  return [
    facts(pairs, terminal),
    columns(view.nodes, nodeShape(), terminal),
    columns(view.jobs, jobShape(now), terminal),
  ].join('\n\n');
}

function nodeShape(): readonly Column<WorkflowNodeView>[] {
  return [
    { title: 'NODE', value: ({ node }) => node },
    { title: 'WAITS FOR', value: waitsFor },
    { title: 'STATES', value: ({ byState }) => counts(byState) },
  ];
}

const wanted: Readonly<Record<string, string>> = { success: '', failure: ' to fail', end: ' to end' };

/** `probe`, `any of a, b to end`. */
function waitsFor({ after, need, when }: WorkflowNodeView): string {
  if (after.length === 0) return '-';
  return `${need === 'any' ? 'any of ' : ''}${after.join(', ')}${wanted[when] ?? ''}`;
}

function jobShape(now: number): readonly Column<WorkflowJob>[] {
  return [
    { title: 'JOB', value: ({ id }) => id },
    { title: 'TYPE', value: ({ type }) => type },
    { title: 'STATE', value: ({ state }) => state, style: ({ state }) => stateStyle(state) },
    { title: 'SINCE', value: ({ updatedAt }) => relative(updatedAt, now) },
    { title: 'ATTEMPT', value: ({ attempt }) => String(attempt), align: 'right' },
    { title: 'NOTE', value: noteOf, shrinks: true },
  ];
}

function noteOf({ error, progress }: WorkflowJob): string {
  if (error !== undefined) return error.replaceAll(/\s+/g, ' ');
  return progress?.percent === undefined ? '-' : `${Math.floor(progress.percent)}%`;
}

function counts(byState: WorkflowSummary['byState']): string {
  return jobStates.flatMap((state) => (byState[state] === undefined ? [] : [`${byState[state]} ${state}`])).join(', ');
}
