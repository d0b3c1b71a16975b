/**
 * Jobs as they move, as the overview shows them.
 */

import { charts } from 'virtual:charts';
import { LiveJobs } from './live-jobs.tsx';

const overMs = 60_000;

export function Yard() {
  const isNarrow = window.innerWidth < 800;
  return <LiveJobs drawing={charts.job[isNarrow ? 'down' : 'right'].outline} zoom={undefined} overMs={overMs} />;
}
