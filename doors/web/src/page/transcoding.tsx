/**
 * Transcodes: quality against energy, what each encoder came to, and what is encoded now.
 */

import { useMemo } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { pathWith } from '../ask.ts';
import { useLive, useProgress } from '../asked.ts';
import type { News } from '../live.ts';
import { duration } from '../moment.ts';
import { Canvas } from '../part/canvas.tsx';
import { Table } from '../part/table.tsx';
import { Trouble } from '../part/trouble.tsx';
import { type Cost, costs, type Measure, measures, type Point, placedBy, pointOf } from '../transcoding/point.ts';
import { Scatter } from '../transcoding/scatter.tsx';
import { Encoders, Transcodes, timesOf } from '../transcoding/tables.tsx';
import type { JobsAnswer } from './answer.ts';
import './transcoding.css';

const isTranscode = ({ type }: News) => type === 'transcode';
const isDone = (news: News) => isTranscode(news) && news.to === 'completed';
const lasts = ['100', '300', '1000'] as const;

export function Transcoding() {
  const { query, route } = useLocation();
  const last = lasts.find((one) => one === query['last']) ?? '300';
  const asked = { type: 'transcode', state: 'completed', queue: query['queue'], sort: '-updated', limit: last };
  const { answer, problem } = useLive<JobsAnswer>(pathWith('/v1/jobs', asked), 3_000, isDone);
  const all = useMemo(() => (answer?.jobs ?? []).flatMap((job) => pointOf(job) ?? []), [answer]);
  const encoders = useMemo(() => [...new Set(all.map(({ encoder }) => encoder))].toSorted(), [all]);
  const points = all.filter(({ encoder }) => query['encoder'] === undefined || encoder === query['encoder']);
  const chosen = { ...choiceIn(query, all), encoder: query['encoder'], queue: query['queue'], last: query['last'] };
  const show = (change: Partial<typeof chosen>) => route(pathWith('/console/transcoding', { ...chosen, ...change }));
  return (
    <>
      <h1>Transcoding</h1>
      <Trouble problem={problem} />
      <Running />
      {answer !== undefined && all.length === 0 && <Nothing />}
      {all.length > 0 && (
        <>
          <form class="filters">
            <Choice name="quality" value={chosen.measure} names={measures} onChange={(measure) => show({ measure })} />
            <Choice name="against" value={chosen.cost} names={costs} onChange={(cost) => show({ cost })} />
            <Choice
              name="encoder"
              value={query['encoder'] ?? ''}
              names={{ '': 'any', ...Object.fromEntries(encoders.map((one) => [one, one])) }}
              onChange={(encoder) => show({ encoder })}
            />
            <Choice
              name="the newest"
              value={last}
              names={Object.fromEntries(lasts.map((one) => [one, one]))}
              onChange={(one) => show({ last: one })}
            />
          </form>
          <Picture points={points} encoders={encoders} {...chosen} />
        </>
      )}
    </>
  );
}

type Chosen = { measure: Measure; cost: Cost };

/** VMAF where any has it: then it is what was meant to be measured. */
function choiceIn(query: Readonly<Record<string, string>>, points: readonly Point[]): Chosen {
  const usual = points.some(({ quality }) => quality.vmaf !== undefined) ? 'vmaf' : 'ssim';
  const said = query['measure'];
  const cost = query['cost'];
  return {
    measure: said === 'vmaf' || said === 'ssim' || said === 'psnr' ? said : usual,
    cost: cost === 'perMinute' || cost === 'megabytes' ? cost : 'joules',
  };
}

function Picture({
  points,
  encoders,
  measure,
  cost,
}: { points: readonly Point[]; encoders: readonly string[] } & Chosen) {
  const placed = placedBy(points, cost, measure);
  const without = points.length - placed.length;
  const estimated = placed.filter(({ isEstimated }) => isEstimated).length;
  return (
    <>
      <Canvas label={`${measures[measure]} against ${costs[cost]}, ${placed.length} transcodes`}>
        {placed.length === 0 ? (
          <p class="empty">None of them has both: choose another quality or another cost.</p>
        ) : (
          <Scatter placed={placed} encoders={encoders} x={costs[cost]} y={measures[measure]} />
        )}
      </Canvas>
      <p class="note">
        The line joins those that nothing beats: whatever costs less is of less quality.
        {without > 0 &&
          ` ${without} more are not in the picture: ${measures[measure]} or ${costs[cost]} was not measured.`}
        {estimated > 0 &&
          cost !== 'megabytes' &&
          ` The energy of ${estimated} was estimated from processor time, not measured (≈).`}
      </p>
      <h2>Encoders</h2>
      <Encoders points={points} encoders={encoders} cost={cost} measure={measure} />
      <h2>Transcodes</h2>
      <Transcodes points={points} cost={cost} measure={measure} />
    </>
  );
}

/** What is encoded now. */
function Running() {
  const { answer, again } = useLive<JobsAnswer>('/v1/jobs?type=transcode&state=processing&limit=50', 300, isTranscode);
  const jobs = answer?.jobs ?? [];
  useProgress(jobs.length > 0, again);
  if (jobs.length === 0) return null;
  return (
    <section aria-label="Encoded now">
      <h2>Now</h2>
      <Table label="Transcodes that run">
        <thead>
          <tr>
            <th>Job</th>
            <th class="grow">Progress</th>
            <th class="number">Frames a second</th>
            <th class="number">Speed</th>
            <th class="number">Left</th>
          </tr>
        </thead>
        <tbody>
          {jobs.map(({ id, name, progress }) => (
            <tr key={id}>
              <td>
                <a href={`/console/jobs/${id}`}>{name ?? id}</a>
              </td>
              <td>
                <progress max={100} value={progress?.percent ?? 0} aria-label={`Progress of ${name ?? id}`} />{' '}
                {progress?.percent === undefined ? '' : `${Math.round(progress.percent)} %`}
              </td>
              <td class="number">{roundOf(progress?.values?.['fps'])}</td>
              <td class="number">{timesOf(progress?.values?.['speed'])}</td>
              <td class="number">{progress?.etaMs === undefined ? '–' : duration(progress.etaMs)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </section>
  );
}

function roundOf(value: number | undefined): string {
  return value === undefined ? '–' : String(Math.round(value));
}

function Nothing() {
  return (
    <p class="empty">
      No transcode has completed yet. <a href="/console/submit?type=transcode">Submit one</a>, or several with one
      option changed from each to the next, and see what it costs.
    </p>
  );
}

interface ChoiceProps<Value extends string> {
  name: string;
  value: string;
  names: Readonly<Record<Value, string>>;
  onChange(value: Value): void;
}

function Choice<Value extends string>({ name, value, names, onChange }: ChoiceProps<Value>) {
  const values = keysOf(names);
  return (
    <label>
      {name}
      <select
        aria-label={name}
        value={value}
        onChange={({ currentTarget }) => {
          const found = values.find((one) => one === currentTarget.value);
          if (found !== undefined) onChange(found);
        }}
      >
        {values.map((one) => (
          <option key={one} value={one}>
            {names[one]}
          </option>
        ))}
      </select>
    </label>
  );
}

function keysOf<Key extends string>(names: Readonly<Record<Key, string>>): readonly Key[] {
  const keys: Key[] = [];
  for (const key in names) keys.push(key);
  return keys;
}
