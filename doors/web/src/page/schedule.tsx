/**
 * One schedule: what became of its moments, with links to their jobs, and all of it to be changed; or a new one.
 */

import { useLocation } from 'preact-iso';
import type { ScheduleRecord } from '../../../../sdk/index.ts';
import { useAsked } from '../asked.ts';
import { moment } from '../moment.ts';
import { Table } from '../part/table.tsx';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';
import { useTitle } from '../title.ts';
import { ScheduleForm } from './schedule-form.tsx';
import { Card } from './schedules.tsx';

export function NewSchedule() {
  const { route } = useLocation();
  useTitle('New schedule');
  return (
    <>
      <h1>New schedule</h1>
      <ScheduleForm onSaved={(name) => route(`/console/schedules/${name}`)} />
    </>
  );
}

export function Schedule({ name }: { name: string }) {
  const { route } = useLocation();
  const { answer, problem, again } = useAsked<ScheduleRecord>(`/v1/schedules/${encodeURIComponent(name)}`);
  return (
    <>
      <h1>{name}</h1>
      <Trouble problem={problem} />
      {answer !== undefined && problem === undefined && (
        <>
          <div class="alone">
            <Card schedule={answer} again={again} onDeleted={() => route('/console/schedules')} />
          </div>
          <History firings={answer.firings} />
          <h2>Change it</h2>
          <ScheduleForm key={saidIn(answer)} record={answer} onSaved={again} />
        </>
      )}
    </>
  );
}

/** What can be changed, so that the form begins anew where it was. */
function saidIn({ plan, job, overlap, misfire, windowMs, until }: ScheduleRecord): string {
  return JSON.stringify([plan, job, overlap, misfire, windowMs, until]);
}

function History({ firings }: { firings: ScheduleRecord['firings'] }) {
  return (
    <>
      <h2>What became of its moments</h2>
      {firings.length === 0 ? (
        <p class="empty">None has come yet.</p>
      ) : (
        <Table label="What became of its moments">
          <thead>
            <tr>
              <th class="number">No.</th>
              <th>Moment</th>
              <th>Outcome</th>
              <th>Job</th>
              <th>Why</th>
            </tr>
          </thead>
          <tbody>
            {firings.toReversed().map(({ n, at, outcome, job, why, byHand }) => (
              <tr key={n}>
                <td class="number">{n}</td>
                <td>
                  {moment(at)} (<When at={at} />)
                </td>
                <td>
                  <span class={`badge ${outcome === 'fired' ? 'lead' : 'warn'}`}>{outcome}</span>
                  {byHand === true && ' by hand'}
                </td>
                <td>{job !== undefined && <a href={`/console/jobs/${job}`}>{job}</a>}</td>
                <td class="wide">{why}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </>
  );
}
