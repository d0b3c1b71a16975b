/**
 * Masters: who leads, who stands by, how far behind each is.
 */

import { useAsked } from '../asked.ts';
import { duration } from '../moment.ts';
import { Act } from '../part/act.tsx';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';
import type { MastersAnswer } from './answer.ts';

export function Masters() {
  const { answer, problem, again } = useAsked<MastersAnswer>('/v1/masters');
  return (
    <>
      <h1>Masters</h1>
      <Trouble problem={problem} />
      <table>
        <thead>
          <tr>
            <th>Master</th>
            <th>Role</th>
            <th class="number">Term</th>
            <th class="number">Behind</th>
            <th class="number">Clock off by</th>
            <th>Host</th>
            <th>Version</th>
            <th>Started</th>
          </tr>
        </thead>
        <tbody>
          {(answer?.masters ?? []).map(
            ({ incarnation, name, leads, term, behindMs, clock, host, pid, version, startedAt }) => (
              <tr key={incarnation}>
                <td>{name}</td>
                <td>{leads ? <span class="badge lead">leads</span> : 'stands by'}</td>
                <td class="number">{term}</td>
                <td class="number">{behindMs === undefined ? '–' : duration(behindMs)}</td>
                <td class="number">{clock === undefined ? '–' : `${clock.skewMs} ms`}</td>
                <td>
                  {host}, process {pid}
                </td>
                <td>{version}</td>
                <td>
                  <When at={startedAt} />
                </td>
              </tr>
            ),
          )}
        </tbody>
      </table>
      <Act
        label="Have the leader step down"
        path="/v1/masters/step-down"
        needs="admin"
        command="yard master step-down"
        confirm="Have the leader step down? Another master takes over within moments, and jobs that run go on."
        onDone={again}
      />
    </>
  );
}
