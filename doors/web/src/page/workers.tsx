/**
 * Workers: what they are, what they hold, whether they live.
 */

import { charts } from 'virtual:charts';
import { useAsked } from '../asked.ts';
import { Statechart } from '../chart/statechart.tsx';
import { duration, megabytes } from '../moment.ts';
import { Act } from '../part/act.tsx';
import { Finder, More, type Some, useSome } from '../part/some.tsx';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';
import type { WorkersAnswer } from './answer.ts';

type WorkerView = WorkersAnswer['workers'][number];

export function Workers() {
  const { answer, problem, again } = useAsked<WorkersAnswer>('/v1/workers', 500);
  const workers = (answer?.workers ?? []).toSorted((one, other) => rankOf(one) - rankOf(other));
  const some = useSome(workers, wordsOf);
  return (
    <>
      <h1>Workers</h1>
      <Trouble problem={problem} />
      {answer !== undefined && workers.length === 0 && <p class="empty">No worker is there. Start one: yard worker</p>}
      <Finder some={some} by="name, host, status, type or label" />
      <Statuses workers={workers} some={some} />
      <div class="cards">
        {some.shown.map((worker) => (
          <Card key={worker.incarnation} worker={worker} onDone={again} />
        ))}
      </div>
      <More some={some} />
    </>
  );
}

/** What needs somebody comes first; the others stay in the order of their names. */
function rankOf({ status, isHung, isDeaf }: WorkerView): number {
  if (isHung || isDeaf === true) return 0;
  const at = ['lost', 'draining', 'offline'].indexOf(status);
  return at === -1 ? 4 : at + 1;
}

function wordsOf({ name, host, status, types, labels }: WorkerView): string {
  return [name, host, status, ...types, ...Object.entries(labels).map((label) => label.join('='))].join(' ');
}

/** How many are in which status, where there are too many to count them by looking. */
function Statuses({ workers, some }: { workers: readonly WorkerView[]; some: Some<WorkerView> }) {
  if (some.isWhole) return null;
  const byStatus = Map.groupBy(workers, ({ status }) => status);
  return (
    <ul class="states" aria-label="Workers by status">
      {[...byStatus].map(([status, those]) => (
        <li key={status}>
          <a href={`/console/workers?q=${status}`}>
            <span class={`badge worker-${status}`}>{status}</span> {those.length.toLocaleString('en')}
          </a>
        </li>
      ))}
    </ul>
  );
}

function Card({ worker, onDone }: { worker: WorkerView; onDone(): void }) {
  const {
    name,
    host,
    pid,
    version,
    status,
    slots,
    used,
    gpu,
    vramMb,
    memoryMb,
    encoders,
    types,
    load,
    heardMsAgo,
    startedAt,
    isHung,
    isDeaf,
  } = worker;
  return (
    <section class="card" aria-label={name}>
      <header>
        <h2>{name}</h2>
        <span class={`badge worker-${status}`}>{status}</span>
        {isHung && <span class="badge bad">hung</span>}
        {isDeaf && <span class="badge bad">takes no mail</span>}
      </header>
      <Where name={name} status={status} />
      <div class="slots" role="img" aria-label={`${used} of ${slots} slots are used`}>
        {Array.from({ length: Math.min(slots, 64) }, (_, at) => (
          <i key={at} class={at < used ? 'used' : ''} />
        ))}
      </div>
      <dl>
        <dt>Slots</dt>
        <dd>
          {used} of {slots} used
        </dd>
        <dt>Load</dt>
        <dd>
          {Math.round(load.cpuPercent)} % CPU, {megabytes(load.memoryMb)} of {megabytes(memoryMb)}
        </dd>
        {gpu > 0 && (
          <>
            <dt>GPU</dt>
            <dd>
              {gpu}, {megabytes(vramMb)} each
            </dd>
          </>
        )}
        <dt>Heard</dt>
        <dd>{duration(heardMsAgo)} ago</dd>
        <dt>Where</dt>
        <dd>
          {host}, process {pid}, {version}, started <When at={startedAt} />
        </dd>
        <dt>Types</dt>
        <dd>{types.join(' ')}</dd>
        {encoders.length > 0 && (
          <>
            <dt>Encoders</dt>
            <dd>{encoders.join(' ')}</dd>
          </>
        )}
      </dl>
      <footer>
        <a href={`/console/jobs?worker=${name}`}>Its jobs</a>
        {status === 'draining' ? (
          <Act
            label="Undrain"
            path={`/v1/workers/${name}/undrain`}
            command={`yard worker undrain ${name}`}
            onDone={onDone}
          />
        ) : (
          <Act
            label="Drain"
            path={`/v1/workers/${name}/drain`}
            command={`yard worker drain ${name}`}
            confirm={`Drain ${name}? What it runs goes on, and it gets no more.`}
            onDone={onDone}
          />
        )}
      </footer>
    </section>
  );
}

/** Its own chart, lit where it is. */
function Where({ name, status }: { name: string; status: string }) {
  const drawing = charts.worker.right.outline;
  const lit = new Set(drawing.boxes.filter((box) => box.name === status).map(({ path }) => path));
  return <Statechart drawing={drawing} label={`The machine of ${name}, in ${status}`} lit={lit} />;
}
