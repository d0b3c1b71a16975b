/**
 * `yard job list --watch`: the list, and then a row of it for each job that changes or comes, under the same columns, until Ctrl-C.
 *
 * It listens before it lists, so nothing between the two is missed. A row is the job as it is when the row is printed: of a job that
 * moves faster than rows are printed, some states are not seen. With `--state`, what leaves the list is told once more.
 */

import type { JobRecord, Yard } from '../../sdk/index.ts';
import { isSettled } from '../job-words.ts';
import { isJson, jsonOf, visible } from './answer.ts';
import { type Column, continued } from './columns.ts';
import type { CommandContext } from './command.ts';
import { interruptSignal } from './interrupt.ts';
import { gapText } from './job-events.ts';
import type { FilterFlags } from './job-filter.ts';

interface Watching {
  filter: FilterFlags;
  shape: (now: number) => readonly Column<JobRecord>[];
  /** Prints the list, and returns what it has. */
  list: (yard: Yard) => Promise<readonly JobRecord[]>;
}

type Asked = Pick<CommandContext, 'terminal' | 'output'>;

export async function watchList(yard: Yard, asked: Asked, { filter, shape, list }: Watching): Promise<void> {
  const { state: states, ...rest } = filter;
  const events = await yard.events({ ...rest, signal: interruptSignal() });
  const first = await list(yard);
  const seen = new Map(first.map((job) => [job.id, numberOf(job)]));
  const print = rowPrinter(asked, { shape: shape(yard.now()), first });
  for await (const event of events) {
    if (event.kind === 'gap') {
      asked.terminal.say(gapText(event));
      continue;
    }
    const known = seen.get(event.id) ?? 0;
    if (event.transition.n <= known) continue;
    const job = await yard.job(event.id, { whole: false });
    if (job === undefined || (known === 0 && states?.includes(job.state) === false)) continue;
    print(job, shape(yard.now()));
    if (isSettled(job.state) || states?.includes(job.state) === false) seen.delete(job.id);
    else seen.set(job.id, numberOf(job));
  }
}

/** Of its last transition. */
function numberOf({ transitions }: JobRecord): number {
  return transitions.at(-1)?.n ?? 0;
}

function rowPrinter(
  { terminal, output }: Asked,
  { shape, first }: { shape: readonly Column<JobRecord>[]; first: readonly JobRecord[] },
): (job: JobRecord, shape: readonly Column<JobRecord>[]) => void {
  if (isJson(output)) return (job) => terminal.print(jsonOf(job, 'jsonl'));
  if (output === 'name') return ({ id }) => terminal.print(id);
  const lines = continued(first, visible(shape, output), terminal);
  return (job, now) => terminal.print(lines(job, visible(now, output)));
}
