/**
 * Jobs as rows, with the columns that somebody chose.
 */

import type { ComponentChildren } from 'preact';
import { duration } from '../moment.ts';
import type { JobsAnswer } from '../page/answer.ts';
import { StateBadge } from './state.tsx';
import { Table } from './table.tsx';
import { When } from './when.tsx';

type Job = JobsAnswer['jobs'][number];

interface Column {
  name: string;
  head: string;
  /** Shown where nobody chose. */
  usual?: boolean;
  kind?: 'number' | 'wide';
  cell(job: Job): ComponentChildren;
}

const columns: readonly Column[] = [
  { name: 'id', head: 'Id', cell: ({ id }) => <code>{id}</code> },
  { name: 'type', head: 'Type', usual: true, cell: ({ type }) => type },
  { name: 'state', head: 'State', usual: true, cell: ({ state }) => <StateBadge state={state} /> },
  { name: 'queue', head: 'Queue', usual: true, cell: ({ queue }) => queue },
  { name: 'priority', head: 'Priority', usual: true, cell: ({ priority }) => priority },
  {
    name: 'attempt',
    head: 'Attempt',
    usual: true,
    kind: 'number',
    cell: ({ context }) => `${context.spent}/${context.maxAttempts}`,
  },
  { name: 'worker', head: 'Worker', cell: ({ context, attempts }) => context.worker ?? attempts.at(-1)?.worker },
  { name: 'waited', head: 'Waited', kind: 'number', cell: (job) => duration(waitedMs(job)) },
  { name: 'ran', head: 'Ran', kind: 'number', cell: ranFor },
  { name: 'tenant', head: 'Tenant', cell: ({ tenant }) => tenant },
  { name: 'tags', head: 'Tags', cell: ({ tags = [] }) => tags.join(', ') },
  { name: 'created', head: 'Created', usual: true, cell: ({ createdAt }) => <When at={createdAt} /> },
  { name: 'since', head: 'Since', usual: true, cell: ({ updatedAt }) => <When at={updatedAt} /> },
  { name: 'note', head: 'Note', usual: true, kind: 'wide', cell: noteOf },
];

/** The columns of an address, `id,type,state`; the usual ones where it names none. */
export function shownIn(said: string | undefined): ReadonlySet<string> {
  if (said === undefined || said === '') return new Set(columns.flatMap(({ name, usual }) => (usual ? [name] : [])));
  const names = said.split(',');
  return new Set(columns.flatMap(({ name }) => (names.includes(name) ? [name] : [])));
}

/** Which columns there are, and which of them are shown. `onChange` gets them as an address says them. */
export function Columns({ shown, onChange }: { shown: ReadonlySet<string>; onChange(columns: string): void }) {
  return (
    <details class="columns-menu">
      <summary>Columns</summary>
      <fieldset class="choices">
        <legend class="hidden">Columns that are shown</legend>
        {columns.map(({ name, head }) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={shown.has(name)}
              onChange={() => onChange([...shown.symmetricDifference(new Set([name]))].join(','))}
            />{' '}
            {head}
          </label>
        ))}
      </fieldset>
    </details>
  );
}

export interface JobTableProps {
  jobs: readonly Job[];
  columns: ReadonlySet<string>;
  selected: ReadonlySet<string>;
  onSelect(selected: ReadonlySet<string>): void;
}

export function JobTable({ jobs, columns: shown, selected, onSelect }: JobTableProps) {
  const drawn = columns.filter(({ name }) => shown.has(name));
  const ids = new Set(jobs.map(({ id }) => id));
  const isWhole = jobs.length > 0 && ids.isSubsetOf(selected);
  const toggle = (those: ReadonlySet<string>, isIn: boolean) =>
    onSelect(isIn ? selected.difference(those) : selected.union(those));
  return (
    <Table label="Jobs" looks="jobs">
      <thead>
        <tr>
          <th>
            <input
              type="checkbox"
              aria-label="All on this page"
              checked={isWhole}
              onChange={() => toggle(ids, isWhole)}
            />
          </th>
          <th>Job</th>
          {drawn.map(({ name, head, kind }) => (
            <th key={name} class={kind === 'number' ? 'number' : ''}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <tr key={job.id} class={selected.has(job.id) ? 'selected' : ''}>
            <td>
              <input
                type="checkbox"
                aria-label={`Select ${job.name ?? job.id}`}
                checked={selected.has(job.id)}
                onChange={() => toggle(new Set([job.id]), selected.has(job.id))}
              />
            </td>
            <td class="title" title={job.name ?? job.id}>
              <a href={`/console/jobs/${job.id}`}>{job.name ?? job.id}</a>
            </td>
            {drawn.map(({ name, kind = '', cell }) => (
              <td key={name} class={kind}>
                {cell(job)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function waitedMs({ createdAt, startedAt, settledAt }: Job): number {
  return (startedAt ?? settledAt ?? Date.now()) - createdAt;
}

/** The last attempt alone. */
function ranFor({ attempts }: Job): string {
  const last = attempts.at(-1);
  return last?.startedAt === undefined ? '–' : duration((last.endedAt ?? Date.now()) - last.startedAt);
}

function noteOf({ state, context, progress }: Job): string {
  const percent = state === 'processing' ? progress?.percent : undefined;
  return context.error?.message ?? (percent === undefined ? '' : `${Math.round(percent)} %`);
}
