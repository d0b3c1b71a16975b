/**
 * Masters: who leads, for how long, who stands by, and where in the election each of them is.
 *
 * Each speaks for itself, and one that does not answer any more is not there. One of an older version tells no state: then
 * the whole box is lit in which it must be.
 */

import { charts } from 'virtual:charts';
import { useEffect } from 'preact/hooks';
import { useAsked } from '../asked.ts';
import { Statechart } from '../chart/statechart.tsx';
import { duration, moment } from '../moment.ts';
import { Act } from '../part/act.tsx';
import { Line } from '../part/line.tsx';
import { Table } from '../part/table.tsx';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';
import type { MastersAnswer, TermsAnswer } from './answer.ts';
import './masters.css';

type Master = MastersAnswer['masters'][number];

/** An answer waits 300 ms for further masters: so that a new leader is seen within a second, the next question comes soon. */
const askEveryMs = 100;
const askTermsEveryMs = 5_000;

const words: Readonly<Record<string, string>> = {
  starting: 'starts',
  'standingBy.watching': 'stands by',
  'standingBy.resting': 'rests',
  'standingBy.unfit': 'unfit',
  campaigning: 'campaigns',
  'leading.catchingUp': 'catches up',
  'leading.takingOffice': 'takes office',
  'leading.serving': 'leads',
  stopped: 'stopped',
};

export function Masters() {
  const { answer, problem, again } = useAsked<MastersAnswer>('/v1/masters', askEveryMs);
  // By name, so that each stays where it is when another one leads.
  const masters = [...(answer?.masters ?? [])].sort((one, other) => one.name.localeCompare(other.name));
  const leader = masters.find(({ leads }) => leads);
  return (
    <>
      <h1>Masters</h1>
      <Trouble problem={problem} />
      {answer !== undefined && <Summary masters={masters} leader={leader} />}
      {answer !== undefined && masters.length === 0 && <p class="empty">No master answers. Start one: yard master</p>}
      <div class="cards masters">
        {masters.map((master) => (
          <Card key={master.incarnation} master={master} onDone={again} />
        ))}
      </div>
      <Terms leader={leader} />
    </>
  );
}

function Summary({ masters, leader }: { masters: readonly Master[]; leader: Master | undefined }) {
  const ready = masters.filter(
    ({ state, leads }) => !leads && (state === undefined || state === 'standingBy.watching'),
  );
  return (
    <div class="tiles">
      <section class={`tile${leader === undefined ? ' bad' : ''}`}>
        <h2>Leader</h2>
        <strong>{leader?.name ?? 'none'}</strong>
        <For since={leader?.since} />
      </section>
      <section class="tile">
        <h2>Term</h2>
        <strong>{leader?.term ?? '–'}</strong>
        <small>grows with each new leader</small>
      </section>
      <section class="tile">
        <h2>Ready to take over</h2>
        <strong>{ready.length}</strong>
        <small>of {masters.length - (leader === undefined ? 0 : 1)} that do not lead</small>
      </section>
    </div>
  );
}

const stepDown = 'yard master step-down';

function Card({ master, onDone }: { master: Master; onDone(): void }) {
  const { name, leads, state, since, term, behindMs, clock, host, pid, version, startedAt, http } = master;
  const word = words[state ?? ''] ?? (leads ? 'leads' : 'stands by');
  const drawing = charts.election.down.outline;
  const place = state ?? (leads ? 'leading' : 'standingBy');
  const box = drawing.boxes.find(({ path }) => path === place);
  return (
    <section class={`card${leads ? ' leads' : ''}`} aria-label={name}>
      <header>
        <h2>{name}</h2>
        <span class={`badge ${looks(place)}`}>{word}</span>
        <For since={since} />
      </header>
      <Statechart drawing={drawing} label={`The machine of ${name}, in ${place}`} lit={new Set([place])} />
      <p class="note">{box?.description}</p>
      <dl>
        <dt>{leads ? 'Term' : 'Term that it sees'}</dt>
        <dd>{term ?? 'none'}</dd>
        <dt>Behind</dt>
        <dd title="How long ago its picture of all jobs was last known to be complete">{duration(behindMs)}</dd>
        <dt>Clock</dt>
        <dd>
          {clock.skewMs} ms off the broker’s, ± {Math.round(clock.uncertaintyMs)} ms
        </dd>
        <dt>Where</dt>
        <dd>
          {host}, process {pid}, {version}, started <When at={startedAt} />
        </dd>
        {http !== undefined && (
          <>
            <dt>HTTP</dt>
            <dd>{http}</dd>
          </>
        )}
      </dl>
      {leads && (
        <footer>
          <Act
            label="Step down"
            path="/v1/masters/step-down"
            needs="admin"
            command={stepDown}
            confirm="Have the leader step down? Another master takes over within moments, and jobs that run go on."
            onDone={onDone}
          />
          <Line line={stepDown} />
        </footer>
      )}
    </section>
  );
}

/** How long it has been so. */
function For({ since }: { since: number | undefined }) {
  if (since === undefined) return null;
  return <small title={`since ${moment(since)}`}>for {duration(Math.max(0, Date.now() - since))}</small>;
}

function looks(place: string): string {
  if (place.startsWith('leading')) return 'lead';
  if (place === 'standingBy.unfit' || place === 'stopped') return 'bad';
  return place === 'standingBy.resting' || place === 'campaigning' ? 'warn' : '';
}

/** Who has led of late, the newest first, and why each term ended. */
function Terms({ leader }: { leader: Master | undefined }) {
  const { answer, problem, again } = useAsked<TermsAnswer>('/v1/masters/terms', askTermsEveryMs);
  useEffect(again, [leader?.term, again]);
  if (problem !== undefined) return <Trouble problem={problem} />;
  if (answer === undefined || answer.terms.length === 0) return null;
  return (
    <>
      <h2>Terms</h2>
      <Table label="Terms" looks="terms">
        <thead>
          <tr>
            <th class="number">Term</th>
            <th>Leader</th>
            <th>Elected</th>
            <th class="number">Led for</th>
            <th>Ended</th>
          </tr>
        </thead>
        <tbody>
          {answer.terms.map(({ term, name, since, ended }) => (
            <tr key={`${term} ${since}`}>
              <td class="number">{term}</td>
              <td>{name}</td>
              <td>
                <When at={since} />
              </td>
              <td class="number">{duration(Math.max(0, (ended?.at ?? Date.now()) - since))}</td>
              <td>{ended?.reason ?? <span class="badge lead">leads</span>}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}
