/**
 * `yard bulk list | get | follow | abort`: what is done to many jobs at once, by `yard job VERB` with a filter and by
 * `yard dead redrive`.
 */

import type { Command } from 'commander';
import { leftOf, refusedOf } from '../../cluster/bulk.ts';
import type { BulkRecord, BulkState } from '../../sdk/index.ts';
import { isJson, jsonOf, listed } from './answer.ts';
import { followOther, tellEnd } from './bulk-follow.ts';
import { type Column, facts } from './columns.ts';
import type { CommandContext } from './command.ts';
import { MissingError } from './exit.ts';
import type { Style } from './terminal.ts';
import { watchable } from './watchable.ts';
import { moment, relative } from './words.ts';

const styles: Readonly<Record<BulkState, Style>> = {
  running: 'cyan',
  done: 'green',
  aborted: 'magenta',
  failed: 'red',
};

export function register(program: Command, context: CommandContext): void {
  const bulk = program
    .command('bulk')
    .description('What is done to many jobs at once: a master carries it out, whoever asked for it may go away.');
  watchable(
    bulk
      .command('list')
      .description('Lists the operations that run, and the last hundred that ended, the newest first.'),
    context,
    list,
  );
  bulk
    .command('get')
    .alias('describe')
    .argument('<id>')
    .description('Shows all there is to know of an operation.')
    .action((id: string, _, command: Command) => get(command, context, id));
  bulk
    .command('follow')
    .argument('<id>')
    .description('Shows how far it has come until it has ended; exits with 1 unless it was done to all.')
    .action((id: string, _, command: Command) => context.withYard(command, (yard) => followOther(yard, id, context)));
  bulk
    .command('abort')
    .argument('<id>')
    .description('Has it stop; what is done is done.')
    .action((id: string, _, command: Command) => abort(command, context, id));
}

async function list(command: Command, context: CommandContext): Promise<void> {
  const { found, now } = await context.withYard(command, async (yard) => ({
    found: await yard.bulk.list(),
    now: yard.now(),
  }));
  listed(context, found, { shape: shape(now), none: 'Nothing was done to many jobs of late.' });
}

function shape(now: number): readonly Column<BulkRecord>[] {
  return [
    { title: 'ID', value: ({ id }) => id },
    { title: 'STATE', value: stateText, style: ({ state }) => styles[state] },
    { title: 'VERB', value: verbText },
    { title: 'DONE', value: ({ done }) => String(done), align: 'right' },
    { title: 'REFUSED', value: (operation) => String(refusedOf(operation)), align: 'right' },
    { title: 'LEFT', value: (operation) => String(leftOf(operation) ?? '-'), align: 'right' },
    { title: 'STARTED', value: ({ createdAt }) => relative(createdAt, now) },
    { title: 'BY', value: ({ by }) => by },
    { title: 'FILTER', value: filterText, shrinks: true },
  ];
}

function stateText({ state, abort }: BulkRecord): string {
  return state === 'running' && abort !== undefined ? 'aborting' : state;
}

/** `move queue=pile`. */
function verbText({ verb }: BulkRecord): string {
  const { verb: word, ...more } = verb;
  const said = Object.entries(more).filter(([, value]) => value !== undefined);
  return [word, ...said.map(([name, value]) => `${name}=${String(value)}`)].join(' ');
}

function filterText({ filter }: BulkRecord): string {
  const said = Object.entries(filter).filter(([, value]) => value !== undefined);
  return said.length === 0 ? 'all' : said.map(([name, value]) => `${name}=${String(value)}`).join(' ');
}

async function get(command: Command, context: CommandContext, id: string): Promise<void> {
  const { terminal, output } = context;
  const { operation, now } = await context.withYard(command, async (yard) => ({
    operation: await yard.bulk.get(id),
    now: yard.now(),
  }));
  if (operation === undefined)
    throw new MissingError(`Expected a bulk operation with id ${id}, found none. See \`yard bulk list\`.`);
  if (isJson(output)) return terminal.print(jsonOf(operation, output));
  const { state, perSecond, matched, done, claim, abort, createdAt, endedAt, by, error, samples } = operation;
  const left = leftOf(operation);
  terminal.print(
    facts(
      [
        ['operation', id],
        ['state', terminal.style(styles[state], stateText(operation))],
        ['verb', verbText(operation)],
        ['filter', filterText(operation)],
        ['rate', perSecond === undefined ? undefined : `${perSecond} a second`],
        ['matched', matched === undefined ? 'not counted yet' : String(matched)],
        ['done', String(done)],
        ['refused', String(refusedOf(operation))],
        ['left', left === undefined ? undefined : String(left)],
        ['started', `${moment(createdAt)} (${relative(createdAt, now)}) by ${by}`],
        ['works at it', state === 'running' ? (claim?.name ?? 'no master yet') : undefined],
        ['aborted', abort === undefined ? undefined : `${moment(abort.at)} by ${abort.by}`],
        ['ended', endedAt === undefined ? undefined : `${moment(endedAt)} (${relative(endedAt, now)})`],
        ['error', error],
      ],
      terminal,
    ),
  );
  for (const [why, count] of Object.entries(operation.refused)) terminal.print(`${count} refused: ${why}`);
  for (const sample of samples) terminal.print(`  for example: ${sample}`);
}

async function abort(command: Command, context: CommandContext, id: string): Promise<void> {
  const operation = await context.withYard(command, (yard) => yard.bulk.abort(id));
  tellEnd(operation, { ...context, output: context.output, exitWith: () => {} });
}
