/**
 * What runs here: versions, brokers, machines by their hash; what this session may do; whose code the pages hold.
 */

import { useAsked } from '../asked.ts';
import { megabytes } from '../moment.ts';
import { Keys } from '../part/keys.tsx';
import { Line } from '../part/line.tsx';
import { Table } from '../part/table.tsx';
import { Trouble } from '../part/trouble.tsx';
import { roleName, session } from '../role.ts';
import type { BrokersAnswer, ClusterAnswer, MastersAnswer, WorkersAnswer } from './answer.ts';

interface MachinesAnswer {
  machines: readonly { name: string; title: string; version?: number; hash: string }[];
}

interface Notice {
  name: string;
  version: string;
  licence: string;
  text: string;
}

export function About() {
  const masters = useAsked<MastersAnswer>('/v1/masters', 5_000);
  const workers = useAsked<WorkersAnswer>('/v1/workers', 5_000);
  const brokers = useAsked<BrokersAnswer>('/v1/brokers', 5_000);
  const cluster = useAsked<ClusterAnswer>('/v1/cluster', 5_000);
  const { all = 0, store } = brokers.answer ?? {};
  return (
    <>
      <h1>About</h1>
      <Trouble problem={masters.problem} />
      <div class="columns">
        <section>
          <h2>This cluster</h2>
          <dl>
            <Versions of="masters" those={(masters.answer?.masters ?? []).map(({ version }) => version)} />
            <Versions of="workers" those={(workers.answer?.workers ?? []).map(({ version }) => version)} />
            <dt>Brokers</dt>
            <dd>{all}</dd>
            <dt>Store</dt>
            <dd>
              {store === undefined
                ? '–'
                : `${megabytes(store.bytes / 1e6)} of ${store.most === undefined ? 'no limit' : megabytes(store.most / 1e6)}`}
            </dd>
            <dt>Durability</dt>
            <dd>{cluster.answer?.durability ?? '–'}</dd>
          </dl>
        </section>
        <Who />
      </div>
      <MachinesThatRun />
      <div class="columns">
        <section>
          <h2>More of it here</h2>
          <ul>
            <li>
              <a href="/docs">The API, operation by operation</a>, and <a href="/openapi.json">as OpenAPI</a>
            </li>
            <li>
              <a href="/console/machines">Each machine, live</a>
            </li>
          </ul>
          <p>What may be wrong with this cluster or this machine, checked one by one:</p>
          <Line line="yard doctor" />
        </section>
        <section>
          <h2>Keys</h2>
          <Keys />
        </section>
      </div>
      <Notices />
    </>
  );
}

/** One version, or how many have which while they are changed. */
function Versions({ of, those }: { of: string; those: readonly string[] }) {
  const byVersion = [...Map.groupBy(those, (version) => version)];
  const told = byVersion.map(([version, { length }]) => (byVersion.length === 1 ? version : `${length} of ${version}`));
  return (
    <>
      <dt>Version of {of}</dt>
      <dd>
        {told.join(', ') || '–'} {byVersion.length > 1 && <span class="badge warn">mixed</span>}
      </dd>
    </>
  );
}

function Who() {
  const known = session.value;
  return (
    <section>
      <h2>You</h2>
      {known === undefined ? null : (
        <dl>
          <dt>Name</dt>
          <dd>{known.isOpen ? 'anyone: this API asks for no token' : known.name}</dd>
          <dt>Role</dt>
          <dd>
            {roleName()} ({known.scopes.join(', ')})
          </dd>
          <dt>Tenant</dt>
          <dd>{known.tenant ?? 'all'}</dd>
        </dl>
      )}
    </section>
  );
}

function MachinesThatRun() {
  const { answer } = useAsked<MachinesAnswer>('/v1/machines', 60_000);
  return (
    <section>
      <h2>The machines that run</h2>
      <Table label="The machines that run">
        <thead>
          <tr>
            <th>Machine</th>
            <th>Hash of what it says</th>
            <th>Version of its records</th>
          </tr>
        </thead>
        <tbody>
          {(answer?.machines ?? []).map(({ name, title, version, hash }) => (
            <tr key={name}>
              <td>
                <a href={`/console/machines?of=${name}`}>{title}</a>
              </td>
              <td>
                <code>{hash}</code>
              </td>
              <td>{version ?? '–'}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </section>
  );
}

function Notices() {
  const { answer } = useAsked<readonly Notice[]>('/console/notices.json', 3_600_000);
  return (
    <section>
      <h2>What these pages are made of</h2>
      {(answer ?? []).map(({ name, version, licence, text }) => (
        <details key={name}>
          <summary>
            {name} {version}, {licence}
          </summary>
          <pre class="json" tabIndex={0}>
            {text}
          </pre>
        </details>
      ))}
    </section>
  );
}
