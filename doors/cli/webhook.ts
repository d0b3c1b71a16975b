/**
 * `yard webhook add | list | get | test | remove`: who is told of jobs once they have settled.
 */

import type { Command } from 'commander';
import { durationMs } from '../../cluster/settings.ts';
import { shownAddress } from '../../cluster/webhooks.ts';
import type { WebhookMade, WebhookView } from '../../sdk/index.ts';
import { isJson, jsonOf, listed, told } from './answer.ts';
import { type Column, facts } from './columns.ts';
import type { CommandContext } from './command.ts';
import { UsageError } from './exit.ts';
import { exitCodeFor } from './follow.ts';
import { interruptSignal } from './interrupt.ts';
import { watchable } from './watchable.ts';
import { relative } from './words.ts';

const states = ['completed', 'failed', 'cancelled'] as const;

export function register(program: Command, context: CommandContext): void {
  const webhook = program.command('webhook').description('Who is told by HTTP of jobs that settle.');
  webhook
    .command('add <url>')
    .description('Tells an address of every job that settles from now on, and prints the secret, once.')
    .option('--state <states>', `Only of jobs that end so, separated by commas: ${states.join(', ')}.`)
    .option('--type <types>', 'Only of jobs of these types.')
    .option('--queue <queues>', 'Only of jobs of these queues.')
    .action((url: string, flags: AddFlags, command: Command) => add({ url, flags }, command, context));
  watchable(webhook.command('list').description('Lists webhooks, the newest first.'), context, list);
  webhook
    .command('get <id>')
    .alias('describe')
    .description('Shows one webhook.')
    .action((id: string, _, command: Command) => get(id, command, context));
  webhook
    .command('test <id>')
    .description('Tells it of a test event, signed as any other, and tells what the receiver answered.')
    .option('--timeout-wait <duration>', 'How long its answer is waited for.', '30s')
    .action((id: string, { timeoutWait }: { timeoutWait: string }, command: Command) =>
      test({ id, timeoutWait }, command, context),
    );
  webhook
    .command('remove <id>')
    .description('Has it told of nothing more.')
    .action((id: string, _, command: Command) => remove(id, command, context));
}

interface AddFlags {
  state?: string;
  type?: string;
  queue?: string;
}

async function add(
  { url, flags: { state, type, queue } }: { url: string; flags: AddFlags },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const given = { url, states: wordsOf(state)?.map(stateOf), types: wordsOf(type), queues: wordsOf(queue) };
  hand(await context.withYard(command, (yard) => yard.webhooks.add(given)), context);
}

function wordsOf(list: string | undefined): readonly string[] | undefined {
  return list?.split(',').map((each) => each.trim());
}

/** @throws {UsageError} where no job ends so. */
function stateOf(word: string) {
  const found = states.find((state) => state === word);
  if (found !== undefined) return found;
  throw new UsageError(`Expected states out of ${states.join(', ')}, got \`${word}\`.`);
}

/** The secret alone is data. */
function hand({ webhook, secret }: WebhookMade, { terminal, output }: CommandContext): void {
  if (isJson(output)) return terminal.print(jsonOf({ ...webhook, secret }, output));
  terminal.say(`Webhook ${webhook.webhook} tells ${webhook.url}. Keep its secret: nobody can read it again.`);
  terminal.print(secret);
}

async function list(command: Command, context: CommandContext): Promise<void> {
  const { webhooks, now } = await context.withYard(command, async (yard) => ({
    webhooks: (await yard.webhooks.list()).map((each) => ({ ...each, url: shownAddress(each.url) })),
    now: yard.now(),
  }));
  listed(context, webhooks, { shape: shape(now), none: 'No webhooks. Add one with `yard webhook add`.' });
}

async function get(id: string, command: Command, context: CommandContext): Promise<void> {
  const { webhook, now } = await context.withYard(command, async (yard) => ({
    webhook: await yard.webhooks.get(id),
    now: yard.now(),
  }));
  const pairs = shape(now).map(({ title, value }) => [title.toLowerCase(), value(webhook)] as const);
  told(context, webhook, { name: id, text: () => facts(pairs, context.terminal) });
}

function shape(now: number): readonly Column<WebhookView>[] {
  return [
    { title: 'ID', value: ({ webhook }) => webhook },
    { title: 'URL', value: ({ url }) => url, shrinks: true },
    { title: 'STATES', value: ({ states }) => states.join(',') },
    { title: 'TYPES', value: ({ types }) => types?.join(',') ?? '-' },
    { title: 'QUEUES', value: ({ queues }) => queues?.join(',') ?? '-' },
    { title: 'MADE', value: ({ createdAt }) => relative(createdAt, now) },
    { title: 'STATUS', value: ({ endedAt }) => (endedAt === undefined ? 'open' : `gone ${relative(endedAt, now)}`) },
  ];
}

async function test(
  { id, timeoutWait }: { id: string; timeoutWait: string },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const timeoutMs = durationMs(timeoutWait, 'timeout-wait');
  const signal = interruptSignal();
  const [{ url }, delivery] = await context.withYard(command, async (yard) => {
    const hook = await yard.webhooks.get(id);
    const { id: job } = await yard.webhooks.test(id);
    return [hook, await yard.settled(job, { timeoutMs, signal })] as const;
  });
  const { error } = delivery.context;
  told(context, delivery, { name: delivery.id, text: () => error?.message ?? `${url} took it.` });
  context.exitWith(exitCodeFor(delivery));
}

async function remove(id: string, command: Command, context: CommandContext): Promise<void> {
  const webhook = await context.withYard(command, (yard) => yard.webhooks.remove(id));
  told(context, webhook, { name: id, text: () => `Webhook ${id} is told of nothing more.` });
}
