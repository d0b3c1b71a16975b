/**
 * One workflow: its graph as it is now, what it waits for, and the jobs of a node or of all.
 */

import { useCallback, useEffect, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { WorkflowJob, WorkflowNodeView, WorkflowView } from '../../../../sdk/index.ts';
import { pathWith } from '../ask.ts';
import { useLive, useProgress } from '../asked.ts';
import { save, svgOf } from '../chart/export.ts';
import { Graph } from '../flow/graph.tsx';
import type { Direction } from '../flow/layout.ts';
import { criticalPath } from '../flow/path.ts';
import { countWords, jobsOf, statesIn, unitsOf } from '../flow/unit.ts';
import { FlowVerbs } from '../flow/verbs.tsx';
import type { News } from '../live.ts';
import { duration } from '../moment.ts';
import { Line } from '../part/line.tsx';
import { Shares } from '../part/shares.tsx';
import { isSettled, StateBadge } from '../part/state.tsx';
import { Table } from '../part/table.tsx';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';
import { useZoom, ZoomButtons } from '../part/zoom.tsx';
import { commandLine } from '../shell.ts';
import { useTitle } from '../title.ts';
import { sharesOf } from './workflows.tsx';
import '../flow/flow.css';

/** Of a large one all jobs are read for each answer. */
const large = 150;
const shownAtOnce = 100;

export function Workflow({ id }: { id: string }) {
  const path = `/v1/workflows/${encodeURIComponent(id)}`;
  const [isLarge, setLarge] = useState(false);
  const isAboutIt = useCallback((news: News) => news.id.startsWith(`${id}-`), [id]);
  const { answer: view, problem, again } = useLive<WorkflowView>(path, isLarge ? 1_000 : 250, isAboutIt);
  const isRunning = (view?.byState.processing ?? 0) > 0;
  useEffect(() => setLarge((view?.jobs.length ?? 0) > large), [view?.jobs.length]);
  useProgress(isRunning, again);
  useTitle(view?.name, id);
  if (view === undefined)
    return (
      <>
        <h1>{id}</h1>
        {problem === undefined ? <p class="empty">Looking for {id} …</p> : <Trouble problem={problem} />}
      </>
    );
  return (
    <>
      <Head view={view} again={again} />
      <Whole view={view} />
    </>
  );
}

function Head({ view, again }: { view: WorkflowView; again(): void }) {
  const { id, name, state, percent, byState, createdAt, settledAt, onFailure, forgotten, jobs } = view;
  const words = countWords(byState);
  return (
    <>
      <header class="job">
        <h1>{name ?? id}</h1>
        <StateBadge state={state} />
        <FlowVerbs workflow={view} onDone={again} />
      </header>
      <div class="whole-bar">
        <Shares label="Jobs by state" parts={sharesOf(byState)} />
        <span>
          {percent} %: {words}
        </span>
      </div>
      <dl class="facts">
        <dt>Id</dt>
        <dd>
          <code>{id}</code>
        </dd>
        <dt>Jobs</dt>
        <dd>{jobs.length}</dd>
        <dt>Created</dt>
        <dd>
          <When at={createdAt} />
        </dd>
        <dt>{state === 'open' ? 'Open for' : 'Took'}</dt>
        <dd>{duration((settledAt ?? Date.now()) - createdAt)}</dd>
        <dt>On failure</dt>
        <dd>{onFailure}</dd>
      </dl>
      {forgotten > 0 && (
        <p class="banner">
          {forgotten === 1 ? 'One of its jobs' : `${forgotten} of its jobs`} settled so long ago that the cluster has
          forgotten {forgotten === 1 ? 'it' : 'them'}: counts and edges of such nodes are not known any more.
        </p>
      )}
      <Standing view={view} />
    </>
  );
}

/** In a sentence what it waits for, or what went wrong. */
function Standing({ view }: { view: WorkflowView }) {
  const { waitsFor } = criticalPath(view, isSettled);
  const failed = view.jobs.find(({ state, error }) => state === 'failed' && error !== undefined);
  const job = view.jobs.find(({ node, state }) => node === waitsFor && !isSettled(state) && state !== 'blocked');
  return (
    <>
      {job !== undefined && (
        <p class="banner">
          It waits for <a href={`/console/jobs/${encodeURIComponent(job.id)}`}>{job.id}</a>, which is {job.state}, for{' '}
          {duration(Date.now() - (job.startedAt ?? job.updatedAt))}.
        </p>
      )}
      {failed !== undefined && (
        <p class="banner bad">
          <a href={`/console/jobs/${encodeURIComponent(failed.id)}`}>{failed.id}</a> failed: {failed.error}
        </p>
      )}
    </>
  );
}

function Whole({ view }: { view: WorkflowView }) {
  const { query, route } = useLocation();
  const narrow = window.innerWidth < 800;
  const look = query['look'];
  const direction: Direction = look === 'down' || (look === undefined && narrow) ? 'down' : 'right';
  const zoom = useZoom();
  const now = { look, node: query['node'], state: query['state'] };
  const hrefTo = (change: Partial<typeof now>) =>
    pathWith(`/console/workflows/${encodeURIComponent(view.id)}`, { ...now, ...change });
  return (
    <>
      <div class="toolbar" role="toolbar" aria-label="The picture">
        {(['right', 'down'] as const).map((one) => (
          <button
            type="button"
            key={one}
            aria-pressed={one === direction}
            onClick={() => route(hrefTo({ look: one }), true)}
          >
            {one}
          </button>
        ))}
        <span class="gap" />
        <ZoomButtons zoom={zoom} />
        <span class="gap" />
        <button
          type="button"
          onClick={() => save(`${view.id}.svg`, 'image/svg+xml', svgOf(document.querySelector('svg.flow')))}
        >
          SVG
        </button>
        <a class="button" href="#jobs">
          To the jobs
        </a>
      </div>
      <Graph view={view} direction={direction} zoom={zoom} chosen={query['node']} hrefOf={(node) => hrefTo({ node })} />
      <p class="note">
        The path that {view.state === 'open' ? 'leads to what it waits for now' : 'took longest'} is drawn strong. A
        node waits for all before it to complete, unless a word says otherwise.
      </p>
      <Jobs view={view} chosen={query['node']} state={query['state']} hrefTo={hrefTo} />
      <Line line={commandLine(['workflow', 'get', view.id])} />
    </>
  );
}

interface JobsProps {
  view: WorkflowView;
  chosen: string | undefined;
  state: string | undefined;
  hrefTo(change: { node?: string | undefined; state?: string | undefined }): string;
}

function Jobs({ view, chosen, state, hrefTo }: JobsProps) {
  const [most, setMost] = useState(shownAtOnce);
  const nodes = nodesOf(view, chosen);
  const own = nodes === undefined ? view.jobs : jobsOf(view, nodes);
  const shown = own.filter((job) => state === undefined || job.state === state);
  const counts = Object.fromEntries([...Map.groupBy(own, (job) => job.state)].map(([of, those]) => [of, those.length]));
  return (
    <section id="jobs" tabIndex={-1} aria-label="Jobs">
      <h2>
        {nodes === undefined ? 'Jobs' : `Jobs of ${chosen}`} <span class="dim">{shown.length}</span>
      </h2>
      <nav class="toolbar" aria-label="Jobs by state">
        {nodes !== undefined && (
          <a class="button" href={hrefTo({ node: undefined })}>
            All nodes
          </a>
        )}
        {statesIn(counts).map((one) => (
          <a
            key={one}
            class={`badge state-${one}`}
            aria-current={one === state ? 'true' : undefined}
            href={hrefTo({ state: one === state ? undefined : one })}
          >
            {counts[one]} {one}
          </a>
        ))}
      </nav>
      {shown.length === 0 ? (
        <p class="empty">{own.length === 0 ? 'Its jobs are forgotten.' : 'None is in this state.'}</p>
      ) : (
        <JobsOf jobs={shown.slice(0, most)} />
      )}
      {shown.length > most && (
        <button type="button" onClick={() => setMost(most + shownAtOnce)}>
          Show more of {shown.length}
        </button>
      )}
    </section>
  );
}

/** `cut` is a node, `cut…` the group that begins with it; undefined stands for all. */
function nodesOf({ nodes }: WorkflowView, chosen: string | undefined): readonly WorkflowNodeView[] | undefined {
  if (chosen === undefined) return undefined;
  if (chosen.endsWith('…')) return unitsOf(nodes).find(({ id }) => `${id}…` === chosen)?.nodes;
  return nodes.filter(({ node }) => node === chosen);
}

function JobsOf({ jobs }: { jobs: readonly WorkflowJob[] }) {
  return (
    <Table label="Jobs">
      <thead>
        <tr>
          <th>Job</th>
          <th>Node</th>
          <th>Type</th>
          <th>State</th>
          <th class="number">Attempt</th>
          <th>Ran</th>
          <th>Since</th>
          <th>Note</th>
        </tr>
      </thead>
      <tbody>
        {jobs.map(({ id, node, type, state, spent, startedAt, settledAt, updatedAt, error, progress }) => (
          <tr key={id}>
            <td>
              <a href={`/console/jobs/${encodeURIComponent(id)}`}>{id}</a>
            </td>
            <td>{node}</td>
            <td>{type}</td>
            <td>
              <StateBadge state={state} />
            </td>
            <td class="number">{spent}</td>
            <td>{startedAt === undefined ? '–' : duration((settledAt ?? Date.now()) - startedAt)}</td>
            <td>
              <When at={updatedAt} />
            </td>
            <td class="wide">
              {error ??
                (state === 'processing' && progress?.percent !== undefined ? `${Math.round(progress.percent)} %` : '')}
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
