/**
 * One job: where it is, the path it walked, what it did in each attempt, what it said, and why it waits.
 */

import { charts } from 'virtual:charts';
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import type { JobRecord, Transition, Why } from '../../../../sdk/index.ts';
import { pathWith } from '../ask.ts';
import { useAsked, useLive, useProgress } from '../asked.ts';
import { Statechart } from '../chart/statechart.tsx';
import { Ways } from '../chart/way.ts';
import { Copies } from '../job/copies.tsx';
import { NextSteps } from '../job/next-steps.tsx';
import { Timeline } from '../job/timeline.tsx';
import { Verbs } from '../job/verbs.tsx';
import type { News } from '../live.ts';
import { duration, moment } from '../moment.ts';
import { Canvas } from '../part/canvas.tsx';
import { Json } from '../part/json.tsx';
import { Log } from '../part/log.tsx';
import { isSettled, isWaiting, StateBadge } from '../part/state.tsx';
import { Table } from '../part/table.tsx';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';
import { useTitle } from '../title.ts';
import type { WorkersAnswer } from './answer.ts';

export function Job({ id }: { id: string }) {
  const path = `/v1/jobs/${encodeURIComponent(id)}`;
  const isAboutIt = useCallback((news: News) => news.id === id, [id]);
  const { answer: job, problem, again } = useLive<JobRecord>(path, 100, isAboutIt);
  useProgress(job?.state === 'processing', again);
  useTitle(job?.name, id);
  if (job === undefined)
    return (
      <>
        <h1>{id}</h1>
        {problem === undefined ? <p class="empty">Looking for it …</p> : <Trouble problem={problem} />}
      </>
    );
  return (
    <>
      <Head job={job} again={again} />
      {isWaiting(job.state) && <Waits path={path} />}
      {job.context.error !== undefined && (
        <section class="banner bad">
          <strong>{job.context.error.kind}</strong> {job.context.error.message}
        </section>
      )}
      <Film job={job} />
      <NextSteps drawing={charts.job.right.outline} job={job} />
      <Attempts job={job} />
      <Log path={path} isOver={isSettled(job.state)} />
      <div class="columns">
        <section>
          <h2>Input</h2>
          <Json value={job.payload} />
        </section>
        <section>
          <h2>Result</h2>
          <Json value={job.context.result} />
        </section>
      </div>
      <Copies job={job} />
    </>
  );
}

function Head({ job, again }: { job: JobRecord; again(): void }) {
  const { id, name, type, state, queue, priority, tenant, createdAt, startedAt, settledAt, progress, workflow } = job;
  return (
    <>
      <header class="job">
        <h1>{name ?? id}</h1>
        <StateBadge state={state} />
        <Verbs job={job} again={again} />
      </header>
      {state === 'processing' && progress?.percent !== undefined && (
        <label class="progress">
          <progress max={100} value={progress.percent} /> {Math.round(progress.percent)} %{etaOf(job)}
        </label>
      )}
      <dl class="facts">
        <dt>Id</dt>
        <dd>
          <code>{id}</code>
        </dd>
        <dt>Type</dt>
        <dd>{type}</dd>
        <dt>Queue</dt>
        <dd>
          {queue}, {priority}
        </dd>
        <dt>Tenant</dt>
        <dd>{tenant}</dd>
        {workflow !== undefined && (
          <>
            <dt>Workflow</dt>
            <dd>
              <a href={pathWith(`/console/workflows/${encodeURIComponent(workflow.id)}`, { node: workflow.node })}>
                {workflow.name ?? workflow.id}
              </a>
              , {workflow.node}
            </dd>
          </>
        )}
        <dt>Created</dt>
        <dd>
          <When at={createdAt} />
        </dd>
        <dt>Waited</dt>
        <dd>{duration((startedAt ?? settledAt ?? Date.now()) - createdAt)}</dd>
        <dt>Settled</dt>
        <dd>
          <When at={settledAt} />
        </dd>
      </dl>
    </>
  );
}

function etaOf({ progress, attempts }: JobRecord): string {
  const startedAt = attempts.at(-1)?.startedAt;
  if (startedAt === undefined || progress?.percent === undefined || progress.percent < 1) return '';
  const left = ((progress.at - startedAt) * (100 - progress.percent)) / progress.percent;
  return `, about ${duration(left)} left`;
}

function Waits({ path }: { path: string }) {
  const { answer } = useAsked<Why>(`${path}/why`, 2_000);
  if (answer === undefined) return null;
  return (
    <section class="banner" aria-label="Why it waits">
      <strong>{answer.code}</strong> {answer.sentence}
    </section>
  );
}

/** The chart with the path that was walked, to be stepped through. */
function Film({ job }: { job: JobRecord }) {
  const { transitions } = job;
  const [chosen, setChosen] = useState<number>();
  const drawing = charts.job[window.innerWidth < 800 ? 'down' : 'right'].outline;
  const ways = useMemo(() => new Ways(drawing), [drawing]);
  const shown = transitions.find(({ n }) => n === chosen) ?? transitions.at(-1);
  const until = transitions.filter(({ n }) => n <= (shown?.n ?? 0));
  const walked = new Set(until.flatMap((one) => ways.wireOf(one)?.id ?? []));
  const lit = new Set(drawing.boxes.filter(({ name }) => name === (shown?.to ?? job.state)).map(({ path }) => path));
  return (
    <section>
      <h2>The path it walked</h2>
      <Canvas label="The chart">
        <Statechart
          drawing={drawing}
          label={`The machine of the job, in ${shown?.to ?? job.state}`}
          lit={lit}
          walked={walked}
        />
      </Canvas>
      <Timeline job={job} now={Date.now()} />
      <Steps transitions={transitions} shown={shown?.n} onChoose={setChosen} />
    </section>
  );
}

interface StepsProps {
  transitions: readonly Transition[];
  shown: number | undefined;
  onChoose(n: number | undefined): void;
}

function Steps({ transitions, shown, onChoose }: StepsProps) {
  const at = transitions.findIndex(({ n }) => n === shown);
  const [before, after] = [transitions[at - 1]?.n, transitions[at + 1]?.n];
  // Not disabled at the ends: what is loses the keyboard.
  const choose = (n: number | undefined) => n !== undefined && onChoose(n);
  return (
    <>
      <div class="toolbar" role="toolbar" aria-label="Step through">
        <button type="button" aria-disabled={before === undefined} onClick={() => choose(before)}>
          ← before
        </button>
        <button type="button" aria-disabled={after === undefined} onClick={() => choose(after)}>
          next →
        </button>
        <button type="button" onClick={() => onChoose(undefined)}>
          now
        </button>
        <Play transitions={transitions} onChoose={onChoose} />
      </div>
      <ol class="steps">
        {transitions.map((one, index) => (
          <li key={one.n}>
            <button type="button" aria-current={one.n === shown ? 'step' : undefined} onClick={() => onChoose(one.n)}>
              <span class="number">{one.n}</span>
              <time title={moment(one.at)}>
                {index === 0 ? moment(one.at) : `+${duration(one.at - (transitions[index - 1]?.at ?? one.at))}`}
              </time>
              <span>{one.event}</span>
              <StateBadge state={one.to} />
              <span class="wide dim">{one.reason}</span>
            </button>
          </li>
        ))}
      </ol>
    </>
  );
}

const stepMs = 800;

/** Walks the path again from its beginning, a step at a time. */
function Play({ transitions, onChoose }: Pick<StepsProps, 'transitions' | 'onChoose'>) {
  const [next, setNext] = useState<number>();
  useEffect(() => {
    if (next === undefined) return;
    const one = transitions[next];
    if (one === undefined) return setNext(undefined);
    onChoose(one.n);
    const timer = window.setTimeout(() => setNext(next + 1), stepMs);
    return () => window.clearTimeout(timer);
  }, [next, transitions, onChoose]);
  const isPlaying = next !== undefined;
  return (
    <button type="button" aria-pressed={isPlaying} onClick={() => setNext(isPlaying ? undefined : 0)}>
      play
    </button>
  );
}

function Attempts({ job: { attempts } }: { job: JobRecord }) {
  const { answer } = useAsked<WorkersAnswer>(attempts.length === 0 ? undefined : '/v1/workers', 15_000);
  const nameOf = (incarnation: string) =>
    answer?.workers.find((worker) => worker.incarnation === incarnation)?.name ?? incarnation;
  if (attempts.length === 0) return null;
  return (
    <section>
      <h2>Attempts</h2>
      <Table label="Attempts">
        <thead>
          <tr>
            <th class="number">No.</th>
            <th>Worker</th>
            <th>Claimed</th>
            <th>Ran</th>
            <th>Outcome</th>
            <th>Error</th>
          </tr>
        </thead>
        <tbody>
          {attempts.map(({ attempt, worker, claimedAt, startedAt, endedAt, outcome, error }) => (
            <tr key={attempt}>
              <td class="number">{attempt}</td>
              <td title={worker}>{nameOf(worker)}</td>
              <td>
                <When at={claimedAt} />
              </td>
              <td>{startedAt === undefined ? '–' : duration((endedAt ?? Date.now()) - startedAt)}</td>
              <td>{outcome ?? 'runs'}</td>
              <td class="wide">
                {error !== undefined && (
                  <details>
                    <summary>{error.message}</summary>
                    <Json value={error} />
                  </details>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </section>
  );
}
