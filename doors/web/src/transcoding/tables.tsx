/**
 * Transcodes as tables: what each encoder came to, and each of them.
 */

import { useState } from 'preact/hooks';
import { Table } from '../part/table.tsx';
import { When } from '../part/when.tsx';
import { type Cost, costs, type Measure, measures, medianOf, type Point } from './point.ts';
import { Mark } from './scatter.tsx';

export interface TableProps {
  points: readonly Point[];
  encoders: readonly string[];
  cost: Cost;
  measure: Measure;
}

export function Encoders({ points, encoders, cost, measure }: TableProps) {
  const byEncoder = Map.groupBy(points, ({ encoder }) => encoder);
  return (
    <Table label="What each encoder came to">
      <thead>
        <tr>
          <th>Encoder</th>
          <th class="number">Transcodes</th>
          <th class="number">Median {measures[measure]}</th>
          <th class="number">Median {costs[cost]}</th>
          <th class="number">Median speed</th>
          <th class="number">Pixels × VMAF a joule</th>
        </tr>
      </thead>
      <tbody>
        {encoders.map((encoder, index) => {
          const those = byEncoder.get(encoder) ?? [];
          return (
            <tr key={encoder}>
              <td>
                <svg class={`key series-${index % 8}`} viewBox="0 0 16 16" aria-hidden="true">
                  <Mark x={8} y={8} isGpu={those.some(({ isGpu }) => isGpu)} />
                </svg>{' '}
                {encoder} {those.some(({ isGpu }) => isGpu) ? <span class="badge">GPU</span> : ''}
              </td>
              <td class="number">{those.length}</td>
              <td class="number">{figure(medianOf(those.map(({ quality }) => quality[measure])))}</td>
              <td class="number">{figure(medianOf(those.map((point) => point.cost[cost])))}</td>
              <td class="number">{timesOf(medianOf(those.map(({ speed }) => speed)))}</td>
              <td class="number">{figure(medianOf(those.map(({ qoe }) => qoe)))}</td>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
}

type Key = 'settled' | 'quality' | 'cost' | 'speed';

export function Transcodes({ points, cost, measure }: Omit<TableProps, 'encoders'>) {
  const [by, setBy] = useState<Key>('settled');
  const value: Readonly<Record<Key, (point: Point) => number>> = {
    settled: ({ settledAt }) => settledAt,
    quality: ({ quality }) => quality[measure] ?? -1,
    cost: (point) => -(point.cost[cost] ?? Number.POSITIVE_INFINITY),
    speed: ({ speed = -1 }) => speed,
  };
  const heads: readonly (readonly [Key, string])[] = [
    ['quality', measures[measure]],
    ['cost', costs[cost]],
    ['speed', 'Speed'],
    ['settled', 'Settled'],
  ];
  return (
    <Table label="Each transcode">
      <thead>
        <tr>
          <th>Job</th>
          <th>Encoder</th>
          <th>Size</th>
          {heads.map(([key, head]) => (
            <th key={key} class="number" aria-sort={by === key ? 'descending' : 'none'}>
              <button
                type="button"
                class="plain"
                onClick={() => setBy(key)}
                title={key === 'cost' ? 'The least first' : 'The most first'}
              >
                {head}
                {by === key ? ' ▾' : ''}
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {points
          .toSorted((one, other) => value[by](other) - value[by](one))
          .map((point) => (
            <tr key={point.id}>
              <td>
                <a href={`/console/jobs/${point.id}`}>{point.name}</a>
              </td>
              <td>{point.encoder}</td>
              <td>{point.size}</td>
              <td class="number">{figure(point.quality[measure])}</td>
              <td class="number">
                {figure(point.cost[cost])}
                {point.isEstimated && cost !== 'megabytes' ? <span title="Estimated, not measured"> ≈</span> : ''}
              </td>
              <td class="number">{timesOf(point.speed)}</td>
              <td class="number">
                <When at={point.settledAt} />
              </td>
            </tr>
          ))}
      </tbody>
    </Table>
  );
}

function figure(value: number | undefined): string {
  return value === undefined ? '–' : Number(value.toPrecision(4)).toLocaleString('en');
}

/** `2.5×`. */
export function timesOf(speed: number | undefined): string {
  return speed === undefined ? '–' : `${figure(speed)}×`;
}
