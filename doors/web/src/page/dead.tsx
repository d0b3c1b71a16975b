/**
 * The dead letter: failed jobs by what went wrong, a look at some of each group, and how they run again.
 */

import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { DeadGroup, JobRecord } from '../../../../sdk/index.ts';
import { pathWith } from '../ask.ts';
import { useAsked } from '../asked.ts';
import { Operations } from '../bulk/operations.tsx';
import { Act } from '../part/act.tsx';
import { Table } from '../part/table.tsx';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';
import { commandLine } from '../shell.ts';
import { type DeadFilter, Redrive } from './redrive.tsx';
import './dead.css';

const priorities = ['critical', 'high', 'medium', 'low'] as const;
const sampleSize = 10;
const everyMs = 5_000;

interface GroupsAnswer {
  groups: readonly DeadGroup[];
}

export function Dead() {
  const { query, route } = useLocation();
  const { priority, queue, type, tag } = query;
  const filter: DeadFilter = { priority, queue, type, tag };
  const { answer, problem, again } = useAsked<GroupsAnswer>(pathWith('/v1/dead/groups', { ...filter }), everyMs);
  const [asked, setAsked] = useState<DeadGroup | 'all'>();
  const groups = answer?.groups ?? [];
  const count = groups.reduce((sum, group) => sum + group.count, 0);
  const isFiltered = [priority, queue, type, tag].some((one) => one !== undefined);
  return (
    <>
      <header class="head">
        <h1>Dead letter</h1>
        {count > 0 && (
          <button type="button" class="main" onClick={() => setAsked('all')}>
            Redrive {count === 1 ? 'it' : `all ${count.toLocaleString('en')}`} …
          </button>
        )}
      </header>
      <Filters filter={filter} onChange={(change) => route(pathWith('/console/dead', { ...filter, ...change }))} />
      <Trouble problem={problem} />
      <Operations verb="redrive" onMoved={again} />
      {answer !== undefined && groups.length === 0 && <Nothing isFiltered={isFiltered} />}
      {groups.map((group) => (
        <Group
          key={group.id}
          group={group}
          share={group.count / count}
          again={again}
          onRedrive={() => setAsked(group)}
        />
      ))}
      {asked !== undefined && (
        <Redrive
          {...(asked === 'all' ? { count } : { group: asked, count: asked.count })}
          filter={filter}
          onClose={() => setAsked(undefined)}
          onStarted={again}
        />
      )}
    </>
  );
}

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  return isFiltered ? (
    <p class="empty">
      No such job has failed. <a href="/console/dead">Look at all of them</a>
    </p>
  ) : (
    <p class="empty">
      Nothing has failed. Jobs come here that have used up their attempts; <code>yard submit always_fail</code> shows
      how it looks.
    </p>
  );
}

function Filters({ filter, onChange }: { filter: DeadFilter; onChange(change: DeadFilter): void }) {
  const { priority, ...words } = filter;
  return (
    <search>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <fieldset class="pressed">
          <legend class="hidden">Priority</legend>
          {[undefined, ...priorities].map((one) => (
            <button
              type="button"
              key={one ?? 'any'}
              aria-pressed={priority === one}
              onClick={() => onChange({ priority: one })}
            >
              {one ?? 'any priority'}
            </button>
          ))}
        </fieldset>
        {(['type', 'queue', 'tag'] as const).map((name) => (
          <label key={name}>
            {name}
            <input
              type="text"
              key={words[name]}
              defaultValue={words[name] ?? ''}
              onChange={({ currentTarget }) => onChange({ [name]: currentTarget.value.trim() })}
            />
          </label>
        ))}
      </form>
    </search>
  );
}

interface GroupProps {
  group: DeadGroup;
  /** How many of all of them they are, 0 to 1. */
  share: number;
  again(): void;
  onRedrive(): void;
}

function Group({ group, share, again, onRedrive }: GroupProps) {
  const { id, type, kind, message, count, byPriority, byQueue, firstAt, lastAt } = group;
  const [isOpen, setOpen] = useState(false);
  return (
    <section class="card dead" aria-label={`${type}: ${message}`}>
      <header>
        <strong class="many">{count.toLocaleString('en')}</strong>
        <span class="badge bad">{kind}</span>
        <a href={pathWith('/console/dead', { type })}>{type}</a>
        <span class="dim">
          first <When at={firstAt} />, last <When at={lastAt} />
        </span>
        <span class="verbs">
          <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {isOpen ? 'Hide them' : 'Look at some'}
          </button>
          <button type="button" onClick={onRedrive}>
            Redrive …
          </button>
        </span>
      </header>
      <p class="message">{message === '' ? 'It said nothing.' : message}</p>
      <div class="share" aria-hidden="true">
        {priorities.map((name) => (
          <i key={name} class={`p-${name}`} style={{ width: `${(100 * share * (byPriority[name] ?? 0)) / count}%` }} />
        ))}
      </div>
      <p class="split">
        {priorities.flatMap((name) =>
          byPriority[name] === undefined
            ? []
            : [
                <span key={name}>
                  <i class={`dot p-${name}`} aria-hidden="true" /> {byPriority[name].toLocaleString('en')} {name}
                </span>,
              ],
        )}
        <span class="dim">
          in{' '}
          {Object.entries(byQueue)
            .map(([queue, jobs]) => `${queue} (${jobs.toLocaleString('en')})`)
            .join(', ')}
        </span>
      </p>
      {isOpen && <Sample id={id} again={again} />}
    </section>
  );
}

/** The newest of a group, each of which can be redriven by itself. */
function Sample({ id, again }: { id: string; again(): void }) {
  const {
    answer,
    problem,
    again: lookAgain,
  } = useAsked<{ jobs: readonly JobRecord[] }>(pathWith(`/v1/dead/${id}/jobs`, { limit: sampleSize }), everyMs);
  const onDone = () => {
    lookAgain();
    again();
  };
  return (
    <>
      <Trouble problem={problem} />
      <Table label="The newest of them">
        <thead>
          <tr>
            <th>Job</th>
            <th>What it said</th>
            <th>Queue, priority</th>
            <th class="number">Attempts</th>
            <th>Failed</th>
            <th>
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {(answer?.jobs ?? []).map(({ id: job, name, queue, priority, context, settledAt }) => (
            <tr key={job}>
              <td>
                <a href={`/console/jobs/${job}`}>{name ?? job}</a>
              </td>
              <td class="wide">{context.error?.message}</td>
              <td>
                {queue}, {priority}
              </td>
              <td class="number">{context.attempt}</td>
              <td>
                <When at={settledAt} />
              </td>
              <td>
                <Act
                  label="Redrive"
                  path={`/v1/jobs/${encodeURIComponent(job)}/redrive`}
                  body={{}}
                  command={commandLine(['job', 'redrive', job])}
                  onDone={onDone}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}
