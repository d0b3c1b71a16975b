/**
 * Workflows, by state and by words that stand in the address, page by page.
 */

import { useLocation } from 'preact-iso';
import type { WorkflowPage, WorkflowSummary } from '../../../../sdk/index.ts';
import { pathWith } from '../ask.ts';
import { useLive } from '../asked.ts';
import { type Counts, countWords, statesIn } from '../flow/unit.ts';
import { FlowVerbs } from '../flow/verbs.tsx';
import { duration } from '../moment.ts';
import { Choice } from '../part/choice.tsx';
import { Line } from '../part/line.tsx';
import { Search } from '../part/search.tsx';
import { Shares, type SharesProps } from '../part/shares.tsx';
import { StateBadge } from '../part/state.tsx';
import { Table } from '../part/table.tsx';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';
import { commandLine } from '../shell.ts';
import '../flow/flow.css';

const states = ['open', 'completed', 'failed', 'cancelled'] as const;
const perPage = 25;

interface Filter {
  q: string;
  state: string;
}

export function Workflows() {
  const { query, route } = useLocation();
  const filter: Filter = { q: query['q'] ?? '', state: query['state'] ?? '' };
  const cursor = query['cursor'];
  const { answer, problem, again } = useLive<WorkflowPage>(
    pathWith('/v1/workflows', { ...filter, cursor, limit: perPage }),
    2_000,
  );
  const show = (change: Partial<Filter>) => route(pathWith('/console/workflows', { ...filter, ...change }));
  const isFiltered = filter.q !== '' || filter.state !== '' || cursor !== undefined;
  return (
    <>
      <h1>Workflows</h1>
      <Filters filter={filter} onChange={show} />
      <Trouble problem={problem} />
      {answer?.workflows.length === 0 && answer.next === undefined && !isFiltered && <HowTo />}
      {answer?.workflows.length === 0 && (isFiltered || answer.next !== undefined) && (
        <p class="empty">
          {answer.next === undefined ? 'No workflow is like that.' : 'None on this page; there are more to look at.'}
        </p>
      )}
      {(answer?.workflows.length ?? 0) > 0 && <List workflows={answer?.workflows ?? []} onDone={again} />}
      <footer class="pages">
        {cursor !== undefined && <a href={pathWith('/console/workflows', { ...filter })}>First page</a>}
        {answer?.next !== undefined && (
          <a href={pathWith('/console/workflows', { ...filter, cursor: answer.next })} rel="next">
            Next page
          </a>
        )}
      </footer>
      {(answer?.workflows.length ?? 0) > 0 && (
        <Line
          line={commandLine(['workflow', 'list'], { state: filter.state, search: filter.q, cursor, limit: perPage })}
        />
      )}
    </>
  );
}

function Filters({ filter, onChange }: { filter: Filter; onChange(change: Partial<Filter>): void }) {
  return (
    <Search words={filter.q} by="id or name" onSearch={(q) => onChange({ q: q.trim() })}>
      <Choice name="state" value={filter.state} values={states} onChange={(state) => onChange({ state })} />
    </Search>
  );
}

/** Small, and of a type that every worker has. */
const example = {
  jobs: {
    fetch: { type: 'noop' },
    cut: { type: 'noop', each: [{}, {}, {}], after: ['fetch'] },
    join: { type: 'noop', after: ['cut'] },
  },
};

function HowTo() {
  return (
    <section class="card">
      <h2>There is no workflow yet</h2>
      <p class="note">
        A workflow is a set of jobs that is submitted at once and of which some wait for others. Submit this one to see
        what it looks like:
      </p>
      <Line line={`echo '${JSON.stringify(example)}' | yard workflow submit -`} />
    </section>
  );
}

function List({ workflows, onDone }: { workflows: readonly WorkflowSummary[]; onDone(): void }) {
  return (
    <Table label="Workflows" looks="workflows">
      <thead>
        <tr>
          <th>Workflow</th>
          <th>State</th>
          <th>Progress</th>
          <th class="number">Jobs</th>
          <th>Created</th>
          <th>Took</th>
          <th>
            <span class="hidden">What can be done</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {workflows.map((workflow) => (
          <Row key={workflow.id} workflow={workflow} onDone={onDone} />
        ))}
      </tbody>
    </Table>
  );
}

function Row({ workflow, onDone }: { workflow: WorkflowSummary; onDone(): void }) {
  const { id, name, state, jobs, percent, byState, createdAt, settledAt } = workflow;
  const words = countWords(byState);
  return (
    <tr>
      <td>
        <a href={`/console/workflows/${encodeURIComponent(id)}`}>{name ?? id}</a>
        {name !== undefined && <div class="dim">{id}</div>}
      </td>
      <td>
        <StateBadge state={state} />
      </td>
      <td class="progress-cell">
        <Shares label="Jobs by state" parts={sharesOf(byState)} />
        <div class="dim">
          {percent} %: {words}
        </div>
      </td>
      <td class="number">{jobs}</td>
      <td>
        <When at={createdAt} />
      </td>
      <td>{duration((settledAt ?? Date.now()) - createdAt)}</td>
      <td>
        <FlowVerbs workflow={workflow} onDone={onDone} />
      </td>
    </tr>
  );
}

/** What is done first, and what waits last. */
export function sharesOf(counts: Counts): SharesProps['parts'] {
  return statesIn(counts)
    .toReversed()
    .map((state) => ({ name: `state-${state}`, jobs: counts[state] ?? 0 }));
}
