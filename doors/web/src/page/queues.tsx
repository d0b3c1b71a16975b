/**
 * Queues in the order in which they are served, with what may be changed about them.
 */

import { useLive } from '../asked.ts';
import { Act } from '../part/act.tsx';
import { Finder, More, useSome } from '../part/some.tsx';
import { stateNames } from '../part/state.tsx';
import { Table } from '../part/table.tsx';
import { Trouble } from '../part/trouble.tsx';
import type { LanesAnswer, QueuesAnswer } from './answer.ts';

const priorities = ['critical', 'high', 'medium', 'low'];

export function Queues() {
  const { answer, problem, again } = useLive<QueuesAnswer>('/v1/queues', 1_000);
  const lanes = useLive<LanesAnswer>('/v1/stats/lanes', 1_000);
  const some = useSome(answer?.queues ?? [], ({ queue, mode, paused }) => `${queue} ${mode} ${paused ? 'paused' : ''}`);
  const shown = new Set(some.shown.map(({ queue }) => queue));
  return (
    <>
      <h1>Queues</h1>
      <Trouble problem={problem} />
      <Finder some={some} by="name, mode, paused" />
      <Table label="Queues">
        <thead>
          <tr>
            <th>Queue</th>
            <th>Mode</th>
            <th class="number">Weight</th>
            <th class="number">Waiting</th>
            <th class="number">Out</th>
            <th class="number">At most</th>
            <th>Status</th>
            <th>
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {some.shown.map(({ queue, mode, weight, waiting, out, paused, maxActive }) => (
            <tr key={queue}>
              <td>
                <a href={`/console/jobs?queue=${queue}`}>{queue}</a>
              </td>
              <td>{mode}</td>
              <td class="number">{weight}</td>
              <td class="number">{(waiting ?? 0).toLocaleString('en')}</td>
              <td class="number">{(out ?? 0).toLocaleString('en')}</td>
              <td class="number">{maxActive ?? '–'}</td>
              <td>{paused ? <span class="badge warn">paused</span> : 'open'}</td>
              <td class="acts">
                {paused ? (
                  <Act
                    label="Resume"
                    path={`/v1/queues/${queue}/resume`}
                    command={`yard queue resume ${queue}`}
                    onDone={again}
                  />
                ) : (
                  <Act
                    label="Pause"
                    path={`/v1/queues/${queue}/pause`}
                    command={`yard queue pause ${queue}`}
                    confirm={`Pause ${queue}? Its jobs that run go on, and no others start.`}
                    onDone={again}
                  />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      <More some={some} />
      <h2>Jobs by queue, priority and state</h2>
      <Matrix
        lanes={(lanes.answer?.lanes ?? []).filter(({ queue }) => some.shown.length === some.all || shown.has(queue))}
      />
    </>
  );
}

function Matrix({ lanes }: { lanes: LanesAnswer['lanes'] }) {
  const states = stateNames.filter((state) => lanes.some((lane) => lane.state === state));
  const rows = [...new Set(lanes.map(({ queue }) => queue))].flatMap((queue) =>
    priorities
      .filter((priority) => lanes.some((lane) => lane.queue === queue && lane.priority === priority))
      .map((priority) => ({ queue, priority })),
  );
  if (rows.length === 0) return <p class="empty">There are no jobs yet.</p>;
  return (
    <Table label="Jobs by queue, priority and state">
      <thead>
        <tr>
          <th>Queue</th>
          <th>Priority</th>
          {states.map((state) => (
            <th class="number" key={state}>
              {state}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ queue, priority }) => (
          <tr key={`${queue} ${priority}`}>
            <td>{queue}</td>
            <td>{priority}</td>
            {states.map((state) => {
              const jobs = lanes.find(
                (lane) => lane.queue === queue && lane.priority === priority && lane.state === state,
              )?.count;
              return (
                <td class="number" key={state}>
                  {jobs === undefined ? (
                    <span class="dim">·</span>
                  ) : (
                    <a href={`/console/jobs?state=${state}&queue=${queue}&priority=${priority}`}>
                      {jobs.toLocaleString('en')}
                    </a>
                  )}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
