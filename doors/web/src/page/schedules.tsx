/**
 * Schedules: when each fires next, what became of its last moments, and what may be done about it.
 */

import type { Firing, ScheduleRecord } from '../../../../sdk/index.ts';
import { useAsked } from '../asked.ts';
import { duration } from '../moment.ts';
import { Act } from '../part/act.tsx';
import { Finder, More, useSome } from '../part/some.tsx';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';
import type { SchedulesAnswer } from './answer.ts';

export function Schedules() {
  const { answer, problem, again } = useAsked<SchedulesAnswer>('/v1/schedules');
  const schedules = answer?.schedules ?? [];
  const some = useSome(schedules, wordsOf);
  return (
    <>
      <header class="head">
        <h1>Schedules</h1>
        <a class="button" href="/console/schedules/new">
          New schedule
        </a>
      </header>
      <Trouble problem={problem} />
      {answer !== undefined && schedules.length === 0 && (
        <p class="empty">
          There is none. <a href="/console/schedules/new">Make one</a>, or{' '}
          <code>yard schedule add nightly noop --cron '0 3 * * *'</code>.
        </p>
      )}
      <Finder some={some} by="name, type, state or plan" />
      <div class="cards">
        {some.shown.map((schedule) => (
          <Card key={schedule.name} schedule={schedule} again={again} />
        ))}
      </div>
      <More some={some} />
    </>
  );
}

function wordsOf({ name, state, plan, job }: ScheduleRecord): string {
  return `${name} ${state} ${job.type} ${planText(plan)}`;
}

export interface CardProps {
  schedule: ScheduleRecord;
  again(): void;
  onDeleted?(): void;
}

export function Card({ schedule, again, onDeleted = again }: CardProps) {
  const { name, state, plan, overlap, misfire, job, context, counts, firings } = schedule;
  return (
    <section class="card" aria-label={name}>
      <header>
        <h2>
          <a href={`/console/schedules/${name}`}>{name}</a>
        </h2>
        <span class={`badge ${state === 'active' ? 'lead' : 'warn'}`}>{state}</span>
      </header>
      <dl>
        <dt>When</dt>
        <dd>
          <code>{planText(plan)}</code>
        </dd>
        <dt>Next</dt>
        <dd>
          <When at={state === 'active' ? context.nextAt : undefined} />
        </dd>
        <dt>Job</dt>
        <dd>{job.type}</dd>
        <dt>Overlap, misfire</dt>
        <dd>
          {overlap}, {misfire}
        </dd>
        <dt>So far</dt>
        <dd>
          {counts.fired} fired, {counts.skipped} skipped, {counts.missed} missed, {counts.refused} refused
        </dd>
      </dl>
      <Last firings={firings} />
      <footer>
        <Act label="Run now" path={`/v1/schedules/${name}/run`} command={`yard schedule run ${name}`} onDone={again} />
        {state === 'active' ? (
          <Act
            label="Pause"
            path={`/v1/schedules/${name}/pause`}
            command={`yard schedule pause ${name}`}
            confirm={`Pause ${name}? Its moments pass until it is resumed.`}
            onDone={again}
          />
        ) : (
          <Act
            label="Resume"
            path={`/v1/schedules/${name}/resume`}
            command={`yard schedule resume ${name}`}
            onDone={again}
          />
        )}
        <Act
          label="Delete"
          method="DELETE"
          path={`/v1/schedules/${name}`}
          command={`yard schedule delete ${name}`}
          confirm={`Delete ${name}? Its jobs stay, and it fires no more.`}
          onDone={onDeleted}
        />
      </footer>
    </section>
  );
}

function planText(plan: ScheduleRecord['plan']): string {
  return plan.kind === 'cron' ? `${plan.cron} ${plan.zone}` : `every ${duration(plan.everyMs)}`;
}

/** The last of its moments, the newest first. */
function Last({ firings }: { firings: readonly Firing[] }) {
  if (firings.length === 0) return null;
  return (
    <ul class="firings" aria-label="Its last moments">
      {firings
        .slice(-5)
        .toReversed()
        .map(({ n, at, outcome, job, why }) => (
          <li key={n}>
            <When at={at} /> {outcome} {job !== undefined && <a href={`/console/jobs/${job}`}>{job}</a>}{' '}
            <span class="dim">{why}</span>
          </li>
        ))}
    </ul>
  );
}
