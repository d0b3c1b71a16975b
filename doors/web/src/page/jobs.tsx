/**
 * Jobs, found by words and filters that stand in the address, page by page.
 */

import { useEffect, useMemo, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { pathWith } from '../ask.ts';
import { useAsked, useLive } from '../asked.ts';
import { Bar } from '../bulk/bar.tsx';
import { Operations } from '../bulk/operations.tsx';
import type { Which } from '../bulk/order.ts';
import { StateBadge, stateNames } from '../part/state.tsx';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';
import type { JobsAnswer, QueuesAnswer } from './answer.ts';

const names = ['q', 'state', 'queue', 'type', 'priority', 'worker', 'sort'] as const;
const priorities = ['critical', 'high', 'medium', 'low'] as const;
type Filter = Readonly<Record<(typeof names)[number], string>>;

export function Jobs() {
  const { query, route } = useLocation();
  const filter = filterIn(query);
  const cursor = query['cursor'];
  const { answer, problem, again } = useLive<JobsAnswer>(pathWith('/v1/jobs', { ...filter, cursor, limit: 50 }), 1_000);
  const show = (change: Partial<Filter>) => route(pathWith('/console/jobs', { ...filter, ...change }));
  const said = JSON.stringify(filter);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => setSelected(new Set()), [said]);
  const all = useMemo(() => allOf(filterIn(JSON.parse(said))), [said]);
  const jobs = answer?.jobs ?? [];
  return (
    <>
      <h1>Jobs</h1>
      <Filters filter={filter} onChange={show} />
      <Bar
        key={said}
        selected={selected}
        all={all}
        onClear={() => setSelected(new Set())}
        onStarted={() => setSelected(new Set())}
      />
      <Operations onMoved={again} />
      <Trouble problem={problem} />
      {answer?.jobs.length === 0 ? (
        <p class="empty">No job is like that.</p>
      ) : (
        <Table jobs={jobs} selected={selected} onSelect={setSelected} />
      )}
      <footer class="pages">
        {cursor !== undefined && <a href={pathWith('/console/jobs', filter)}>First page</a>}
        {answer?.next !== undefined && (
          <a href={pathWith('/console/jobs', { ...filter, cursor: answer.next })} rel="next">
            Next page
          </a>
        )}
        {answer?.view !== undefined && answer.view.behindBy > 0 && (
          <span class="badge warn">{answer.view.behindBy} changes behind</span>
        )}
      </footer>
    </>
  );
}

/** All that match as an operation takes it, or why it cannot. */
function allOf({ q, worker, state, queue, type, priority }: Filter): Which | string {
  if (q !== '' || worker !== '')
    return 'What is done to all goes by state, queue, priority and type. Take the words and the worker out, or select rows.';
  const which: Which = {
    ...(state === '' ? {} : { state: stateNames.filter((one) => one === state) }),
    ...(queue === '' ? {} : { queue }),
    ...(type === '' ? {} : { type }),
  };
  const urgency = priorities.find((one) => one === priority);
  if (urgency !== undefined) which.priority = urgency;
  if (Object.keys(which).length > 0) return which;
  return 'Nothing is done to all jobs that there are. Filter first, at least by a state or a queue.';
}

function filterIn(query: Readonly<Record<string, string>>): Filter {
  const [q, state, queue, type, priority, worker, sort] = names.map((name) => query[name] ?? '');
  return {
    q: q ?? '',
    state: state ?? '',
    queue: queue ?? '',
    type: type ?? '',
    priority: priority ?? '',
    worker: worker ?? '',
    sort: sort ?? '',
  };
}

function Filters({ filter, onChange }: { filter: Filter; onChange(change: Partial<Filter>): void }) {
  const { answer } = useAsked<QueuesAnswer>('/v1/queues', 30_000);
  return (
    <search>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          onChange({ q: String(new FormData(event.currentTarget).get('q') ?? '') });
        }}
      >
        <input
          type="search"
          name="q"
          key={filter.q}
          defaultValue={filter.q}
          placeholder="Search: id, name, type, tag, error, payload  ( / )"
          aria-label="Search"
        />
        <Choice name="state" value={filter.state} values={stateNames} onChange={(state) => onChange({ state })} />
        <Choice
          name="queue"
          value={filter.queue}
          values={(answer?.queues ?? []).map(({ queue }) => queue)}
          onChange={(queue) => onChange({ queue })}
        />
        <Choice
          name="priority"
          value={filter.priority}
          values={priorities}
          onChange={(priority) => onChange({ priority })}
        />
        <Choice
          name="sort"
          value={filter.sort}
          values={['-created', 'created', '-updated', 'updated']}
          onChange={(sort) => onChange({ sort })}
        />
        <Word name="type" value={filter.type} onChange={(type) => onChange({ type })} />
        <Word name="worker" value={filter.worker} onChange={(worker) => onChange({ worker })} />
      </form>
    </search>
  );
}

interface ChoiceProps {
  name: string;
  value: string;
  values: readonly string[];
  onChange(value: string): void;
}

function Choice({ name, value, values, onChange }: ChoiceProps) {
  return (
    <label>
      {name}
      <select aria-label={name} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        <option value="">any</option>
        {values.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}

function Word({ name, value, onChange }: Omit<ChoiceProps, 'values'>) {
  return (
    <label>
      {name}
      <input
        type="text"
        key={value}
        defaultValue={value}
        onChange={({ currentTarget }) => onChange(currentTarget.value.trim())}
      />
    </label>
  );
}

interface TableProps {
  jobs: JobsAnswer['jobs'];
  selected: ReadonlySet<string>;
  onSelect(selected: ReadonlySet<string>): void;
}

function Table({ jobs, selected, onSelect }: TableProps) {
  const ids = new Set(jobs.map(({ id }) => id));
  const isWhole = jobs.length > 0 && ids.isSubsetOf(selected);
  const toggle = (those: ReadonlySet<string>, isIn: boolean) =>
    onSelect(isIn ? selected.difference(those) : selected.union(those));
  return (
    <table class="jobs">
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
          <th>Type</th>
          <th>State</th>
          <th>Queue</th>
          <th>Priority</th>
          <th class="number">Attempt</th>
          <th>Created</th>
          <th>Since</th>
          <th>Note</th>
        </tr>
      </thead>
      <tbody>
        {jobs.map(({ id, name, type, state, queue, priority, context, createdAt, updatedAt, progress }) => (
          <tr key={id} class={selected.has(id) ? 'selected' : ''}>
            <td>
              <input
                type="checkbox"
                aria-label={`Select ${name ?? id}`}
                checked={selected.has(id)}
                onChange={() => toggle(new Set([id]), selected.has(id))}
              />
            </td>
            <td>
              <a href={`/console/jobs/${id}`}>{name ?? id}</a>
            </td>
            <td>{type}</td>
            <td>
              <StateBadge state={state} />
            </td>
            <td>{queue}</td>
            <td>{priority}</td>
            <td class="number">
              {context.attempt}/{context.maxAttempts}
            </td>
            <td>
              <When at={createdAt} />
            </td>
            <td>
              <When at={updatedAt} />
            </td>
            <td class="wide">
              {context.error?.message ??
                (state === 'processing' && progress?.percent !== undefined ? `${Math.round(progress.percent)} %` : '')}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
