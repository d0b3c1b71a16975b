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
import { UsageError } from './exit.ts';
import { addFilterFlags, type FilterFlags } from './job-filter.ts';
import { watchList } from './job-list-watch.ts';
import { positive } from './rejected.ts';
import { moment, relative, stateStyle } from './words.ts';

interface ListFlags extends FilterFlags {
  search?: string;
  worker?: string;
  sort?: (typeof jobSorts)[number];
  limit: number;
  cursor?: string;
  all?: boolean;
  watch?: boolean;
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
    .option('-w, --watch', 'Then prints a row for each job that changes or comes, until Ctrl-C.')
    .action((flags: ListFlags, command: Command) => listJobs(command, context, flags));
}

async function listJobs(command: Command, context: CommandContext, flags: ListFlags): Promise<void> {
  await context.withYard(command, async (yard) => {
    if (flags.watch !== true) return void (await showList(yard, context, flags));
    const { search, worker, cursor, sort: _sort, limit: _limit, all: _all, watch: _, ...filter } = flags;
    const [unheard] = Object.entries({ search, worker, cursor }).filter(([, value]) => value !== undefined);
    if (unheard !== undefined)
      throw new UsageError(`Expected no \`--${unheard[0]}\` beside \`--watch\`, got one. Leave one of them out.`);
    const asked = { ...context, output: context.output === 'json' ? ('jsonl' as const) : context.output };
    await watchList(yard, asked, { filter, shape, list: (face) => showList(face, asked, flags) });
  });
}

/** Returns what was shown. */
async function showList(yard: Yard, context: CommandContext, flags: ListFlags): Promise<readonly JobRecord[]> {
  const { terminal, output } = context;
  const isPrintedAsItComes = output === 'jsonl' || output === 'name';
  const found: JobRecord[] = [];
  let next: string | undefined;
  let view: Page['view'];
  for await (const page of pagesOf(yard, flags)) {
    if (isPrintedAsItComes) listed(context, page.jobs, { shape: shape(yard.now()), none: '' });
    if (!isPrintedAsItComes || flags.watch === true) found.push(...page.jobs);
    next = page.next;
    view = page.view;
  }
  if (view !== undefined && view.behindBy > 0)
    terminal.say(`The view that found them is ${view.behindBy} writes behind, for ${durationText(view.behindMs)}.`);
  if (!isPrintedAsItComes) listed(context, found, { shape: shape(yard.now()), none: 'No such jobs.' });
  const isCut = next !== undefined || found.length === flags.limit;
  const rest = next === undefined ? '' : `, or go on with \`--cursor ${next}\``;
  if (isCut && flags.all !== true) terminal.say(`At most ${flags.limit} are shown; see \`--limit\`${rest}.`);
  return found;
}

async function* pagesOf(
  yard: Yard,
  { limit, all = false, cursor: begin, watch: _, ...filter }: ListFlags,
): AsyncGenerator<Page> {
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
    { title: 'ATTEMPT', value: ({ context }) => `${context.spent}/${context.maxAttempts}`, align: 'right' },
    { title: 'CREATED', value: ({ createdAt }) => relative(createdAt, now) },
    { title: 'SINCE', value: ({ updatedAt }) => relative(updatedAt, now) },
    { title: 'WORKER', wide: true, value: ({ context }) => context.worker ?? '-' },
    { title: 'TAGS', wide: true, value: ({ tags = [] }) => tags.join(',') || '-' },
    { title: 'BORN', wide: true, value: ({ createdAt }) => moment(createdAt) },
    { title: 'NAME', shrinks: true, value: ({ name = '-' }) => name },
  ];
}
