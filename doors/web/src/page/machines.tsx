/**
 * The machines that run, live: how many jobs are in each state, and what moves along each wire.
 */

import { charts } from 'virtual:charts';
import { useMemo } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { pathWith } from '../ask.ts';
import { useAsked } from '../asked.ts';
import { Edges } from '../chart/edges.tsx';
import { save, saveMermaid, svgOf } from '../chart/export.ts';
import { useLiveJobs } from '../chart/live-jobs.ts';
import { Statechart } from '../chart/statechart.tsx';
import { Canvas } from '../part/canvas.tsx';
import { useZoom, type Zoom, ZoomButtons } from '../part/zoom.tsx';
import type { MastersAnswer, SchedulesAnswer, WorkersAnswer } from './answer.ts';

const kinds = ['job', 'worker', 'schedule', 'election'] as const;
type Kind = (typeof kinds)[number];
const windows = { '1 min': 60_000, '5 min': 300_000, '15 min': 900_000 } as const;
type Window = keyof typeof windows;

export function Machines() {
  const { query, route } = useLocation();
  const kind = kinds.find((one) => one === query['of']) ?? 'job';
  const direction =
    query['look'] === 'down' || (query['look'] === undefined && window.innerWidth < 800) ? 'down' : 'right';
  const span: Window = query['over'] === '5 min' || query['over'] === '15 min' ? query['over'] : '1 min';
  // A picture with words is not read where it is made to fit.
  const zoom = useZoom(query['words'] === 'yes' ? 1 : undefined);
  const detail = query['words'] === 'yes' ? 'words' : 'outline';
  const drawing = charts[kind][direction][detail];
  const now = { of: kind, look: direction, over: span, words: detail === 'words' ? 'yes' : undefined };
  const show = (change: Partial<Record<keyof typeof now, string | undefined>>) =>
    route(pathWith('/console/machines', { ...now, ...change }));
  return (
    <>
      <h1>Machines</h1>
      <div class="toolbar" role="toolbar" aria-label="The picture">
        {kinds.map((one) => (
          <button type="button" key={one} aria-pressed={one === kind} onClick={() => show({ of: one })}>
            {one}
          </button>
        ))}
        <span class="gap" />
        <button type="button" aria-pressed={direction === 'right'} onClick={() => show({ look: 'right' })}>
          right
        </button>
        <button type="button" aria-pressed={direction === 'down'} onClick={() => show({ look: 'down' })}>
          down
        </button>
        <button
          type="button"
          aria-pressed={detail === 'words'}
          onClick={() => {
            zoom.to(detail === 'words' ? undefined : 1);
            show({ words: detail === 'words' ? undefined : 'yes' });
          }}
        >
          words
        </button>
        <span class="gap" />
        <ZoomButtons zoom={zoom} />
        <span class="gap" />
        {Object.keys(windows).map((one) => (
          <button type="button" key={one} aria-pressed={one === span} onClick={() => show({ over: one })}>
            {one}
          </button>
        ))}
        <span class="gap" />
        <button
          type="button"
          onClick={() => save(`${kind}.svg`, 'image/svg+xml', svgOf(document.querySelector('svg.chart')))}
        >
          SVG
        </button>
        <button type="button" onClick={() => void saveMermaid(kind)}>
          Mermaid
        </button>
      </div>
      {kind === 'job' ? (
        <Jobs key={`${direction} ${detail} ${span}`} drawing={drawing} zoom={zoom} overMs={windows[span]} />
      ) : (
        <Others kind={kind} drawing={drawing} zoom={zoom} />
      )}
      <p class="note">
        Drawn from the machine that runs ({charts[kind].hash}). The happy path is green; a number on a wire says how
        often it was taken in the last {span} as seen by this page, and how long jobs had been in the state before.
      </p>
    </>
  );
}

interface DrawnProps {
  drawing: (typeof charts)['job']['right']['words'];
  zoom: Zoom;
}

function Jobs({ drawing, zoom, overMs }: DrawnProps & { overMs: number }) {
  const shown = useLiveJobs(drawing, overMs);
  return (
    <>
      <Canvas label="The chart" zoom={zoom.scale} onZoom={zoom.by}>
        <Statechart {...shown} zoom={zoom.scale} />
      </Canvas>
      <Edges drawing={drawing} flows={shown.flows} />
    </>
  );
}

function Others({ kind, drawing, zoom }: DrawnProps & { kind: Exclude<Kind, 'job'> }) {
  const counts = useCounts(kind, drawing);
  return (
    <>
      <Canvas label="The chart" zoom={zoom.scale} onZoom={zoom.by}>
        <Statechart
          drawing={drawing}
          zoom={zoom.scale}
          label={labels[kind]}
          {...(counts === undefined ? {} : { counts })}
        />
      </Canvas>
      <Edges drawing={drawing} />
    </>
  );
}

const labels = {
  worker: 'The machine of a worker',
  schedule: 'The machine of a schedule',
  election: 'The machine of a master in the election',
};

/** How many workers, schedules or masters are in each state, by its path. */
function useCounts(kind: Exclude<Kind, 'job'>, drawing: DrawnProps['drawing']) {
  const workers = useAsked<WorkersAnswer>(kind === 'worker' ? '/v1/workers' : undefined, 1_000).answer?.workers;
  const masters = useAsked<MastersAnswer>(kind === 'election' ? '/v1/masters' : undefined, 500).answer?.masters;
  const asked = kind === 'schedule' ? '/v1/schedules' : undefined;
  const schedules = useAsked<SchedulesAnswer>(asked, 2_000).answer?.schedules;
  return useMemo(() => {
    const leaves = drawing.boxes.filter(({ leaf }) => leaf);
    if (kind === 'worker' && workers !== undefined)
      return countsOf(leaves, ({ name }) => workers.filter(({ status }) => status === name).length);
    if (kind === 'election' && masters !== undefined)
      return countsOf(leaves, ({ path }) => masters.filter(({ state }) => state === path).length);
    if (kind === 'schedule' && schedules !== undefined)
      return countsOf(leaves, ({ name }) => schedules.filter(({ state }) => state === name).length);
    return undefined;
  }, [kind, drawing, workers, masters, schedules]);
}

type Box = DrawnProps['drawing']['boxes'][number];

function countsOf(boxes: readonly Box[], count: (box: Box) => number): ReadonlyMap<string, number> {
  return new Map(boxes.map((box) => [box.path, count(box)]));
}
