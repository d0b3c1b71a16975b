/**
 * In one look: who leads, what waits where and for how long, what runs, what has failed.
 */

import type { ComponentChildren } from 'preact';
import { lazy } from 'preact-iso';
import type { JobRecord } from '../../../../sdk/index.ts';
import { useAsked, useLive } from '../asked.ts';
import type { News } from '../live.ts';
import { duration } from '../moment.ts';
import { Canvas } from '../part/canvas.tsx';
import { Rates } from '../part/rates.tsx';
import { Shares } from '../part/shares.tsx';
import { isWaiting, StateBadge, stateNames } from '../part/state.tsx';
import { Table } from '../part/table.tsx';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';
import type {
  BrokersAnswer,
  ClusterAnswer,
  LanesAnswer,
  MastersAnswer,
  QueuesAnswer,
  StatsAnswer,
  WorkersAnswer,
} from './answer.ts';

/** The pictures of machines are the largest thing that there is, and come last. */
const Yard = lazy(() => import('../chart/yard.tsx').then(({ Yard: picture }) => picture));
const priorities = ['critical', 'high', 'medium', 'low'] as const;

const isAboutFailed = ({ from, to }: News) => from === 'failed' || to === 'failed';

export function Overview() {
  const cluster = useLive<ClusterAnswer>('/v1/cluster', 1_000);
  const stats = useLive<StatsAnswer>('/v1/stats', 1_000);
  const masters = useAsked<MastersAnswer>('/v1/masters');
  const workers = useAsked<WorkersAnswer>('/v1/workers');
  const brokers = useAsked<BrokersAnswer>('/v1/brokers', 5_000);
  const failed = useLive<{ jobs: readonly JobRecord[] }>(
    '/v1/jobs?state=failed&sort=-updated&limit=8',
    1_000,
    isAboutFailed,
  );
  const all = workers.answer?.workers ?? [];
  const lost = all.filter(({ status }) => status === 'lost').length;
  const slots = all.reduce((sum, worker) => sum + worker.slots, 0);
  const leader = cluster.answer?.leader;
  const running = masters.answer?.masters.length;
  const byState: Readonly<Record<string, number>> = stats.answer?.byState ?? {};
  const { all: brokersAll = 0, current = 0 } = brokers.answer ?? {};
  return (
    <>
      <h1>Overview</h1>
      <Trouble problem={cluster.problem} />
      <div class="tiles">
        <Tile
          name="Leader"
          value={leader?.name ?? 'none'}
          note={leader && `term ${leader.term}`}
          isBad={cluster.answer !== undefined && leader === undefined}
        />
        <Tile name="Masters" value={running ?? '–'} note={standing(running)} isBad={running === 0} />
        <Tile
          name="Workers"
          value={all.length - lost}
          note={lost > 0 ? `${lost} lost` : `${slots} slots`}
          isBad={lost > 0}
        />
        <Tile name="Brokers" value={`${current}/${brokersAll}`} note="up to date" isBad={current < brokersAll} />
        <Tile
          name="Open jobs"
          value={(cluster.answer?.open ?? 0).toLocaleString('en')}
          note={`durability ${cluster.answer?.durability ?? '–'}`}
        />
        <Tile
          name="Failed"
          value={<a href="/console/dead">{(byState['failed'] ?? 0).toLocaleString('en')}</a>}
          note="in the dead letter"
        />
      </div>
      <StateBar byState={byState} />
      <Canvas label="Jobs as they move">
        <Yard />
      </Canvas>
      <Rates />
      <Lanes />
      <h2>Failed last</h2>
      <Failures jobs={failed.answer?.jobs ?? []} />
    </>
  );
}

function Tile({
  name,
  value,
  note,
  isBad = false,
}: {
  name: string;
  value: ComponentChildren;
  note?: string | undefined;
  isBad?: boolean;
}) {
  return (
    <section class={`tile${isBad ? ' bad' : ''}`} aria-label={name}>
      <h2>{name}</h2>
      <strong>{value}</strong>
      <small>{note}</small>
    </section>
  );
}

function standing(running: number | undefined): string {
  if (running === undefined || running === 0) return 'none answers';
  return running === 1 ? 'nobody stands by' : `1 leads, ${running - 1} on standby`;
}

/** All jobs that there are, as shares of a bar; each state leads to its jobs. */
function StateBar({ byState }: { byState: Readonly<Record<string, number>> }) {
  const those = stateNames.flatMap((state) =>
    (byState[state] ?? 0) > 0 ? [{ state, jobs: byState[state] ?? 0 }] : [],
  );
  if (those.length === 0) return null;
  return (
    <>
      <Shares label="All jobs by state" parts={those.map(({ state, jobs }) => ({ name: `state-${state}`, jobs }))} />
      <ul class="states" aria-label="Jobs by state">
        {those.map(({ state, jobs }) => (
          <li key={state}>
            <a href={`/console/jobs?state=${state}`}>
              <StateBadge state={state} /> {jobs.toLocaleString('en')}
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}

function Lanes() {
  const { answer } = useLive<QueuesAnswer>('/v1/queues', 1_000);
  const queues = answer?.queues ?? [];
  const shown = queues.length > queuesShown ? queues.toSorted(byNeed).slice(0, queuesShown) : queues;
  const lanes = useLive<LanesAnswer>('/v1/stats/lanes', 1_000);
  return (
    <>
      <h2>Queues</h2>
      <Table label="Queues">
        <thead>
          <tr>
            <th>Queue</th>
            <th class="number">Waiting</th>
            <th class="number">Oldest</th>
            <th class="number">Out</th>
            <th class="grow">Waiting by priority</th>
            <th>Status</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ queue, waiting, oldestMs, out, paused }) => (
            <tr key={queue}>
              <td>
                <a href={`/console/jobs?queue=${queue}`}>{queue}</a>
              </td>
              <td class="number">{(waiting ?? 0).toLocaleString('en')}</td>
              <td class="number">{oldestMs === undefined ? '–' : duration(oldestMs)}</td>
              <td class="number">{(out ?? 0).toLocaleString('en')}</td>
              <td>
                <Shares label={`Waiting in ${queue} by priority`} parts={waitingIn(lanes.answer, queue)} />
              </td>
              <td>{paused ? <span class="badge warn">paused</span> : 'open'}</td>
            </tr>
          ))}
        </tbody>
      </Table>
      {shown.length < queues.length && (
        <p class="note">
          Those in which most waits; <a href="/console/queues">all {queues.length.toLocaleString('en')} queues</a>.
        </p>
      )}
    </>
  );
}

const queuesShown = 20;

type QueueView = QueuesAnswer['queues'][number];

function byNeed(one: QueueView, other: QueueView): number {
  return (other.waiting ?? 0) - (one.waiting ?? 0) || (other.out ?? 0) - (one.out ?? 0);
}

function waitingIn(answer: LanesAnswer | undefined, queue: string) {
  const here = (answer?.lanes ?? []).filter((lane) => lane.queue === queue && isWaiting(lane.state));
  return priorities.map((priority) => ({
    name: `priority-${priority}`,
    jobs: here.filter((lane) => lane.priority === priority).reduce((sum, { count }) => sum + count, 0),
  }));
}

function Failures({ jobs }: { jobs: readonly JobRecord[] }) {
  if (jobs.length === 0) return <p class="empty">Nothing has failed.</p>;
  return (
    <Table label="What failed last">
      <tbody>
        {jobs.map(({ id, type, context, settledAt }) => (
          <tr key={id}>
            <td>
              <a href={`/console/jobs/${id}`}>{id}</a>
            </td>
            <td>{type}</td>
            <td class="wide">{context.error?.message}</td>
            <td>
              <When at={settledAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
