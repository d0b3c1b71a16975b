/**
 * The end of the demonstration in figures: a table for people, one JSON object for programs.
 */

import type { JobRecord } from '../../../sdk/index.ts';
import { type Column, columns } from '../columns.ts';
import type { Terminal } from '../terminal.ts';
import { stateStyle } from '../words.ts';
import type { Seen } from './check.ts';
import { outcomeOf, qualityText } from './outcome.ts';

interface Line {
  record: JobRecord;
  outcome: ReturnType<typeof outcomeOf>;
}

/** One job as `--json` tells it; what a job type does not measure is null. */
export interface JobFigures {
  id: string;
  type: string;
  queue: string;
  priority: string;
  state: string;
  attempts: number;
  quality: Readonly<Record<string, number>> | null;
  joules: number | null;
}

export function figures({ records }: Seen): readonly JobFigures[] {
  return [...records.values()].map((record) => {
    const { id, type, queue, priority, state } = record;
    const { attempts, quality = null, joules = null } = outcomeOf(record);
    return { id, type, queue, priority, state, attempts, quality, joules };
  });
}

/** In the order in which the jobs were started. */
export function table({ records, workerName }: Seen, terminal: Terminal): string {
  const lines = [...records.values()].map((record) => ({ record, outcome: outcomeOf(record) }));
  lines.sort((a, b) => (a.record.startedAt ?? 0) - (b.record.startedAt ?? 0));
  return columns(lines, shape(workerName), terminal);
}

function shape(workerName: (incarnation: string) => string): readonly Column<Line>[] {
  return [
    { title: 'ID', value: ({ record }) => record.id },
    { title: 'TYPE', value: ({ record }) => record.type },
    { title: 'QUEUE', value: ({ record }) => record.queue },
    { title: 'PRIORITY', value: ({ record }) => record.priority },
    { title: 'STATE', value: ({ record }) => record.state, style: ({ record }) => stateStyle(record.state) },
    { title: 'ATTEMPTS', value: ({ outcome }) => String(outcome.attempts), align: 'right' },
    { title: 'WORKER', value: ({ outcome: { worker } }) => (worker === undefined ? '-' : workerName(worker)) },
    { title: 'WAIT', value: ({ outcome }) => seconds(outcome.waitMs), align: 'right' },
    { title: 'TIME', value: ({ outcome }) => seconds(outcome.tookMs), align: 'right' },
    { title: 'QUALITY', value: ({ outcome }) => qualityText(outcome.quality) },
    { title: 'JOULES', value: ({ outcome: { joules } }) => joules?.toFixed(1) ?? '-', align: 'right' },
  ];
}

/** What the table does not show by itself. */
export function remarks({ plan, records, killed, why }: Seen): readonly string[] {
  const again = records.get(plan.victim)?.transitions.find(({ to, attempt }) => to === 'assigned' && attempt > 1);
  return [
    ...(killed === undefined || again === undefined
      ? []
      : [`${plan.victim} ran again elsewhere ${seconds(again.at - killed.at)} after ${killed.worker} was killed.`]),
    ...(why === undefined ? [] : [`${plan.gpu} waited: ${why.sentence}`]),
  ];
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${(ms / 1_000).toFixed(1)}s`;
}
