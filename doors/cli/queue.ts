/**
 * `yard queue list | get | set | pause | resume`: how queues are served, seen and changed while the cluster runs.
 */

import type { Command } from 'commander';
import { durationMs, durationText } from '../../cluster/settings.ts';
import type { QueueChange, QueueSettings, QueueView } from '../../sdk/index.ts';
import { listed, told } from './answer.ts';
import { type Column, facts } from './columns.ts';
import type { CommandContext } from './command.ts';
import { MissingError, UsageError } from './exit.ts';
import { countText, isTakenBack, numberOf, rateOf, rateText, setText } from './setting.ts';
import { watchable } from './watchable.ts';

export function register(program: Command, context: CommandContext): void {
  const queue = program.command('queue').description('Shows how queues are served, and changes it at run time.');
  watchable(
    queue.command('list').description('Lists the queues in the order in which they are served.'),
    context,
    list,
  );
  queue
    .command('get <queue>')
    .alias('describe')
    .description('Shows what holds for a queue, and what of it waits and is out.')
    .action((name: string, _, command: Command) => get(name, command, context));
  queue
    .command('set <queue>')
    .description('Changes how a queue is served; masters go by it at once. `default` takes back what was set.')
    .option('--order <number>', 'Its turn: a smaller number is served first, such as 1.5 between 1 and 2.')
    .option('--mode <mode>', 'strict: served before all later ones; weighted: shares one turn with all that are.')
    .option('--weight <number>', 'Its part of the starts of queues that share.')
    .option('--max-active <count>', 'The most of its jobs that workers may hold at once, or `none`.')
    .option('--rate <starts>', 'The most of its jobs that may start, such as 10/s or 30/m, or `none`.')
    .option('--aging <step>', 'A job that has waited for so long rises by one priority, never above high; or `off`.')
    .option(
      '--may-evict <queues>',
      'Queues behind it whose running jobs make room for its own, such as batch; or `none`.',
    )
    .option('--evict-after <duration>', 'So long an attempt of it runs before it has to make room, at first.')
    .option(
      '--reserve-after <duration>',
      'A job that is next and has been ready for so long has a worker keep room; or `off`.',
    )
    .action((name: string, flags: SetFlags, command: Command) => set({ name, flags }, command, context));
  queue
    .command('pause <queue>')
    .description('Has no more jobs of a queue start; what runs goes on.')
    .action((name: string, _, command: Command) => pause({ name, paused: true }, command, context));
  queue
    .command('resume <queue>')
    .description('Has the jobs of a paused queue start again.')
    .action((name: string, _, command: Command) => pause({ name, paused: false }, command, context));
}

interface SetFlags {
  order?: string;
  mode?: string;
  weight?: string;
  maxActive?: string;
  rate?: string;
  aging?: string;
  mayEvict?: string;
  evictAfter?: string;
  reserveAfter?: string;
}

async function list(command: Command, context: CommandContext): Promise<void> {
  const queues = await context.withYard(command, (yard) => yard.queues.list());
  listed(context, queues, { shape: shape(), none: 'No queues.' });
}

function shape(): readonly Column<QueueView>[] {
  return [
    { title: 'QUEUE', value: ({ queue }) => queue },
    { title: 'ORDER', value: ({ order }) => String(order), align: 'right' },
    { title: 'MODE', value: modeText },
    {
      title: 'STATUS',
      value: ({ paused }) => (paused ? 'paused' : 'open'),
      style: ({ paused }) => (paused ? 'yellow' : 'green'),
    },
    { title: 'WAITING', value: ({ waiting }) => countText(waiting), align: 'right' },
    {
      title: 'OLDEST',
      value: ({ oldestMs }) => (oldestMs === undefined ? '-' : durationText(oldestMs)),
      align: 'right',
    },
    { title: 'OUT', value: ({ out }) => countText(out), align: 'right' },
    { title: 'MAX', value: ({ maxActive }) => countText(maxActive), align: 'right' },
    { title: 'RATE', value: rateText, align: 'right' },
    { title: 'AGING', value: ({ agingStepMs }) => stepText(agingStepMs), align: 'right' },
    { title: 'RESERVE', value: ({ reserveAfterMs }) => stepText(reserveAfterMs), align: 'right' },
    { title: 'MAY EVICT', value: ({ mayEvict = [] }) => mayEvict.join(' ') || '-' },
  ];
}

function modeText({ mode, weight }: QueueView): string {
  return mode === 'weighted' ? `weighted ${weight}` : mode;
}

function stepText(stepMs: number | undefined): string {
  return stepMs === undefined ? 'off' : durationText(stepMs);
}

async function get(name: string, command: Command, context: CommandContext): Promise<void> {
  const view = await context.withYard(command, (yard) => yard.queues.get(name));
  if (view === undefined)
    throw new MissingError(`Expected a queue that is listed, set or used, got ${name}. See \`yard queue list\`.`);
  const { terminal } = context;
  const pairs = shape().map(({ title, value }) => [title.toLowerCase(), value(view)] as const);
  const { evictAfterMs } = view;
  const evictAfter = ['evict after', evictAfterMs === undefined ? '-' : durationText(evictAfterMs)] as const;
  told(context, view, { name: name, text: () => facts([...pairs, evictAfter], terminal) });
}

async function set(
  { name, flags }: { name: string; flags: SetFlags },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const change = changeOf(flags);
  if (Object.keys(change).length === 0)
    throw new UsageError('Expected something to set, such as `--weight 2`, got nothing. See `yard queue set --help`.');
  say(await context.withYard(command, (yard) => yard.queues.set(name, change)), context);
}

async function pause(
  { name, paused }: { name: string; paused: boolean },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const set = await context.withYard(command, ({ queues }) => (paused ? queues.pause(name) : queues.resume(name)));
  say(set, context);
}

function say({ queue, ...set }: QueueSettings, context: CommandContext): void {
  told(context, { queue, ...set }, { name: queue, text: () => setText(`Queue ${queue}`, set) });
}

/** What is said is read here, what it may be is checked where it is set. */
function changeOf({
  order,
  mode,
  weight,
  maxActive,
  rate,
  aging,
  mayEvict,
  evictAfter,
  reserveAfter,
}: SetFlags): QueueChange {
  return {
    ...(order === undefined ? {} : { order: numberOf(order, 'order') }),
    ...(mode === undefined ? {} : { mode: modeOf(mode) }),
    ...(weight === undefined ? {} : { weight: numberOf(weight, 'weight') }),
    ...(maxActive === undefined ? {} : { maxActive: numberOf(maxActive, 'max-active') }),
    ...(rate === undefined ? {} : { ratePerSecond: rateOf(rate, 'rate') }),
    ...(aging === undefined ? {} : { agingStepMs: stepOf(aging, 'aging') }),
    ...(mayEvict === undefined ? {} : { mayEvict: namesOf(mayEvict) }),
    ...(evictAfter === undefined ? {} : { evictAfterMs: stepOf(evictAfter, 'evict-after') }),
    ...(reserveAfter === undefined ? {} : { reserveAfterMs: stepOf(reserveAfter, 'reserve-after') }),
  };
}

function modeOf(text: string): 'strict' | 'weighted' | null {
  if (text === 'strict' || text === 'weighted') return text;
  if (text === 'default') return null;
  throw new UsageError(`Expected \`--mode\` to be strict or weighted, got \`${text}\`. Correct it.`);
}

function stepOf(text: string, flag: string): number | null {
  if (text === 'off') return 0;
  return text === 'default' ? null : durationMs(text, flag);
}

function namesOf(text: string): readonly string[] | null {
  return isTakenBack(text) ? null : text.split(/[\s,]+/).filter(Boolean);
}
