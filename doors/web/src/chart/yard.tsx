/**
 * Jobs as they move, as the overview shows them.
 */

import { charts } from 'virtual:charts';
import { useLiveJobs } from './live-jobs.ts';
import { Statechart } from './statechart.tsx';

const overMs = 60_000;

export function Yard() {
  const isNarrow = window.innerWidth < 800;
  return <Statechart {...useLiveJobs(charts.job[isNarrow ? 'down' : 'right'].outline, overMs)} />;
}
