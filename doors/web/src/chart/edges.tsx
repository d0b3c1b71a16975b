/**
 * Every edge of a chart in words, with how often it was taken: what the picture says, for reading.
 */

import type { Drawing } from '../../drawing/layout.ts';
import { duration } from '../moment.ts';
import { Table } from '../part/table.tsx';
import type { Flow } from './statechart.tsx';

export interface EdgesProps {
  drawing: Drawing;
  /** What went along each wire, by its id; absent where that is not counted. */
  flows?: ReadonlyMap<string, Flow>;
}

export function Edges({ drawing, flows }: EdgesProps) {
  const wires = drawing.wires.toSorted((one, other) => jobsOn(flows, other.id) - jobsOn(flows, one.id));
  return (
    <Table label="What can happen" looks="edges">
      <thead>
        <tr>
          <th>From</th>
          <th>To</th>
          {flows !== undefined && <th class="number">Taken</th>}
          {flows !== undefined && <th class="number">Half within</th>}
          <th>By what, and what it means</th>
        </tr>
      </thead>
      <tbody>
        {wires.map(({ id, from, to, ways }) => (
          <tr key={id}>
            <td>{nameOf(from)}</td>
            <td>{nameOf(to)}</td>
            {flows !== undefined && <td class="number">{jobsOn(flows, id).toLocaleString('en')}</td>}
            {flows !== undefined && <td class="number">{timeOn(flows, id)}</td>}
            <td class="wide">
              {ways.map(({ event, guard, description }) => (
                <p key={`${event} ${guard}`}>
                  <code>{event || 'at once'}</code> {guard !== '' && <code class="guard">[{guard}]</code>} {description}
                </p>
              ))}
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function jobsOn(flows: ReadonlyMap<string, Flow> | undefined, id: string): number {
  return flows?.get(id)?.jobs ?? 0;
}

function timeOn(flows: ReadonlyMap<string, Flow>, id: string): string {
  const ms = flows.get(id)?.p50Ms;
  return ms === undefined ? '–' : duration(ms);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
