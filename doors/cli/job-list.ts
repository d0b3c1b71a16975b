/**
 * `yard job list`: jobs that pass a filter, a page at a time or all of them.
 *
 * What does not fit is said, with the cursor from which another list goes on. As `jsonl` and as names, pages are printed as they
 * come, so that all of very many take no memory here.
 */

import { type Command, Option } from 'commander';
import { durationText } from '../../cluster/settings.ts';
import type { JobRecord, Yard } from '../../sdk/index.ts';
import { jobSorts } from '../job-words.ts';
import { listed } from './answer.ts';
import type { Column } from './columns.ts';
import type { CommandContext } from './command.ts';
import { addFilterFlags, type FilterFlags } from './job-filter.ts';
import { positive } from './rejected.ts';
import { moment, relative, stateStyle } from './words.ts';

interface ListFlags extends FilterFlags {
  search?: string;
  worker?: string;
  sort?: (typeof jobSorts)[number];
  limit: number;
  cursor?: string;
  all?: boolean;
}

type Page = Awaited<ReturnType<Yard['jobPage']>>;

const pageAtMost = 1_000;

export function registerList(list: Command, context: CommandContext): void {
  addFilterFlags(list.description('Lists jobs, the newest first.'))
    .option(
      '--search <words>',
      'Only with all of these words in id, name, type, tags, error or payload; `intro*` is a beginning.',
    )
    .option('--worker <name>', 'Only those that this worker holds, or held last.')
    .addOption(new Option('--sort <order>', 'In this order; `-` is downwards.').choices(jobSorts))
    .option('--limit <count>', 'At most so many.', positive, 100)
    .option('--cursor <cursor>', 'Goes on where a list with the same filter ended, which said so.')
    .option('--all', 'As many as there are.')
    .action((flags: ListFlags, command: Command) => showList(command, context, flags));
}

async function showList(command: Command, context: CommandContext, flags: ListFlags): Promise<void> {
  const { terminal, output } = context;
  const isPrintedAsItComes = output === 'jsonl' || output === 'name';
  const found: JobRecord[] = [];
  let next: string | undefined;
  let view: Page['view'];
  const now = await context.withYard(command, async (yard) => {
    for await (const page of pagesOf(yard, flags)) {
      if (isPrintedAsItComes) listed(context, page.jobs, { shape: shape(yard.now()), none: '' });
      else found.push(...page.jobs);
      next = page.next;
      view = page.view;
    }
    return yard.now();
  });
  if (view !== undefined && view.behindBy > 0)
    terminal.say(`The view that found them is ${view.behindBy} writes behind, for ${durationText(view.behindMs)}.`);
  if (!isPrintedAsItComes) listed(context, found, { shape: shape(now), none: 'No such jobs.' });
  const isCut = next !== undefined || found.length === flags.limit;
  const rest = next === undefined ? '' : `, or go on with \`--cursor ${next}\``;
  if (isCut && flags.all !== true) terminal.say(`At most ${flags.limit} are shown; see \`--limit\`${rest}.`);
}

async function* pagesOf(yard: Yard, { limit, all = false, cursor: begin, ...filter }: ListFlags): AsyncGenerator<Page> {
  const most = all ? Number.POSITIVE_INFINITY : limit;
  let shown = 0;
  for (let cursor = begin; ; ) {
    const page = await yard.jobPage({ ...filter, cursor, limit: Math.min(pageAtMost, most - shown) });
    // Without a view there are no pages: then all are listed at once.
    if (page.view === undefined && most > pageAtMost)
      return yield { jobs: await Array.fromAsync(yard.jobs({ ...filter, limit: most })) };
    yield page;
    shown += page.jobs.length;
    if (page.next === undefined || shown >= most) return;
    cursor = page.next;
  }
}

function shape(now: number): readonly Column<JobRecord>[] {
  return [
    { title: 'ID', value: ({ id }) => id },
    { title: 'TYPE', value: ({ type }) => type },
    { title: 'STATE', value: ({ state }) => state, style: ({ state }) => stateStyle(state) },
    { title: 'QUEUE', value: ({ queue }) => queue },
    { title: 'PRIORITY', value: ({ priority }) => priority },
    { title: 'ATTEMPT', value: ({ context }) => `${context.attempt}/${context.maxAttempts}`, align: 'right' },
    { title: 'CREATED', value: ({ createdAt }) => relative(createdAt, now) },
    { title: 'SINCE', value: ({ updatedAt }) => relative(updatedAt, now) },
    { title: 'WORKER', wide: true, value: ({ context }) => context.worker ?? '-' },
    { title: 'TAGS', wide: true, value: ({ tags = [] }) => tags.join(',') || '-' },
    { title: 'BORN', wide: true, value: ({ createdAt }) => moment(createdAt) },
    { title: 'NAME', shrinks: true, value: ({ name = '-' }) => name },
  ];
}
