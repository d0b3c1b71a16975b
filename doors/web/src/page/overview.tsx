/**
 * In one look: who leads, what waits where and for how long, what runs, what has failed.
 */

import type { JobRecord } from '../../../../sdk/index.ts';
import { useAsked, useLive } from '../asked.ts';
import type { News } from '../live.ts';
import { Rates } from '../part/rates.tsx';
import { StateBadge, stateNames } from '../part/state.tsx';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';
import type { BrokersAnswer, ClusterAnswer, MastersAnswer, QueuesAnswer, WorkersAnswer } from './answer.ts';

const isAboutFailed = ({ from, to }: News) => from === 'failed' || to === 'failed';

export function Overview() {
  const cluster = useLive<ClusterAnswer>('/v1/cluster', 1_000);
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
        <Tile name="Masters" value={masters.answer?.masters.length ?? '–'} note="one leads, the others stand by" />
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
      </div>
      <Rates />
      <StateBar byState={cluster.answer?.byState ?? {}} />
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
  value: string | number;
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

function StateBar({ byState }: { byState: Readonly<Record<string, number>> }) {
  const those = stateNames.flatMap((state) =>
    (byState[state] ?? 0) > 0 ? [{ state, jobs: byState[state] ?? 0 }] : [],
  );
  if (those.length === 0) return null;
  return (
    <ul class="states" aria-label="Open jobs by state">
      {those.map(({ state, jobs }) => (
        <li key={state}>
          <a href={`/console/jobs?state=${state}`}>
            <StateBadge state={state} /> {jobs.toLocaleString('en')}
          </a>
        </li>
      ))}
    </ul>
  );
}

function Lanes() {
  const { answer } = useLive<QueuesAnswer>('/v1/queues', 1_000);
  return (
    <>
      <h2>Queues</h2>
      <table>
        <thead>
          <tr>
            <th>Queue</th>
            <th class="number">Waiting</th>
            <th class="number">Out</th>
            <th>Status</th>
          </tr>
        </thead>
        <tbody>
          {(answer?.queues ?? []).map(({ queue, waiting, out, paused }) => (
            <tr key={queue}>
              <td>
                <a href={`/console/jobs?queue=${queue}`}>{queue}</a>
              </td>
              <td class="number">{(waiting ?? 0).toLocaleString('en')}</td>
              <td class="number">{(out ?? 0).toLocaleString('en')}</td>
              <td>{paused ? <span class="badge warn">paused</span> : 'open'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Failures({ jobs }: { jobs: readonly JobRecord[] }) {
  if (jobs.length === 0) return <p class="empty">Nothing has failed.</p>;
  return (
    <table>
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
    </table>
  );
}
