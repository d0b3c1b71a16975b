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
import { Choice, type ChoiceProps } from '../part/choice.tsx';
import { Columns, JobTable, shownIn } from '../part/job-table.tsx';
import { Search } from '../part/search.tsx';
import { stateNames } from '../part/state.tsx';
import { Trouble } from '../part/trouble.tsx';
import type { JobsAnswer, QueuesAnswer } from './answer.ts';

const names = ['q', 'state', 'queue', 'type', 'priority', 'worker', 'sort'] as const;
const priorities = ['critical', 'high', 'medium', 'low'] as const;
type Filter = Readonly<Record<(typeof names)[number], string>>;

export function Jobs() {
  const { query, route } = useLocation();
  const filter = filterIn(query);
  const cursor = query['cursor'];
  const { answer, problem, again } = useLive<JobsAnswer>(pathWith('/v1/jobs', { ...filter, cursor, limit: 50 }), 1_000);
  const show = (change: Partial<Filter>) =>
    route(pathWith('/console/jobs', { ...filter, ...change, columns: query['columns'] }));
  const said = JSON.stringify(filter);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => setSelected(new Set()), [said]);
  const all = useMemo(() => allOf(filterIn(JSON.parse(said))), [said]);
  const jobs = answer?.jobs ?? [];
  return (
    <>
      <header class="head">
        <h1>Jobs</h1>
        <Columns
          shown={shownIn(query['columns'])}
          onChange={(columns) => route(pathWith('/console/jobs', { ...filter, cursor, columns }), true)}
        />
      </header>
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
        <JobTable jobs={jobs} columns={shownIn(query['columns'])} selected={selected} onSelect={setSelected} />
      )}
      <footer class="pages">
        {cursor !== undefined && (
          <a href={pathWith('/console/jobs', { ...filter, columns: query['columns'] })}>First page</a>
        )}
        {answer?.next !== undefined && (
          <a href={pathWith('/console/jobs', { ...filter, cursor: answer.next, columns: query['columns'] })} rel="next">
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
    <Search words={filter.q} by="id, name, type, tag, error, payload" onSearch={(q) => onChange({ q })}>
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
    </Search>
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
