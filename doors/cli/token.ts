/**
 * `yard token create | list | rotate | revoke`: who may come in by HTTP. Over the broker, whoever may connect to it may do all.
 */

import type { Command } from 'commander';
import type { TokenMade, TokenScope, TokenView, Yard } from '../../sdk/index.ts';
import { tokenScopes } from '../token-words.ts';
import { isJson, jsonOf, listed, told } from './answer.ts';
import type { Column } from './columns.ts';
import type { CommandContext } from './command.ts';
import { UsageError } from './exit.ts';
import { relative } from './words.ts';

export function register(program: Command, context: CommandContext): void {
  const token = program.command('token').description('Makes and revokes tokens for the HTTP API.');
  token
    .command('create <label>')
    .description('Makes a token and prints it, once.')
    .requiredOption('--scope <scopes>', `What it opens, separated by commas: ${tokenScopes.join(', ')}.`)
    .option('--only <tenant>', 'Only for jobs of this tenant; for all, and the cluster itself, unless given.')
    .option('--expires-in <duration>', 'Opens nothing after so long, such as 90d; for ever unless given.')
    .action((label: string, flags: CreateFlags, command: Command) => create({ label, flags }, command, context));
  token
    .command('list')
    .description('Lists tokens, those too that open nothing any more.')
    .action((_, command: Command) => list(command, context));
  token
    .command('rotate <id>')
    .description('Makes a new secret for a token and prints it, once.')
    .option('--grace <duration>', 'How long the former one still opens.', '0s')
    .action(async (id: string, flags: { grace: string }, command: Command) =>
      hand(await context.withYard(command, (yard) => yard.tokens.rotate(id, flags)), context),
    );
  token
    .command('revoke <id>')
    .description('Has it open nothing more, at any master, within moments.')
    .action((id: string, _, command: Command) => revoke(id, command, context));
}

interface CreateFlags {
  scope: string;
  only?: string;
  expiresIn?: string;
}

async function create(
  { label, flags: { scope, only: tenant, expiresIn } }: { label: string; flags: CreateFlags },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const given = { label, tenant, expiresIn, scopes: scope.split(',').map((each) => scopeOf(each.trim())) };
  hand(await context.withYard(command, (yard: Yard) => yard.tokens.create(given)), context);
}

/** @throws {UsageError} where there is no such scope. */
function scopeOf(word: string): TokenScope {
  const found = tokenScopes.find((scope) => scope === word);
  if (found !== undefined) return found;
  throw new UsageError(`Expected scopes out of ${tokenScopes.join(', ')}, got \`${word}\`.`);
}

/** The secret alone is data: `TOKEN=$(yard token create ci --scope submit)`. */
function hand({ token, secret }: TokenMade, { terminal, output }: CommandContext): void {
  if (isJson(output)) return terminal.print(jsonOf({ ...token, secret }, output));
  terminal.say(`Token ${token.token} (${token.label}). Keep it: nobody can read it again.`);
  terminal.print(secret);
}

async function list(command: Command, context: CommandContext): Promise<void> {
  const { tokens, now } = await context.withYard(command, async (yard) => ({
    tokens: await yard.tokens.list(),
    now: yard.now(),
  }));
  listed(context, tokens, { shape: shape(now), none: 'No tokens. Make one with `yard token create`.' });
}

function shape(now: number): readonly Column<TokenView>[] {
  return [
    { title: 'ID', value: ({ token }) => token },
    { title: 'LABEL', value: ({ label }) => label, shrinks: true },
    { title: 'SCOPES', value: ({ scopes }) => scopes.join(',') },
    { title: 'TENANT', value: ({ tenant }) => tenant ?? '-' },
    { title: 'MADE', value: ({ createdAt }) => relative(createdAt, now) },
    {
      title: 'STATUS',
      value: (token) => statusOf(token, now),
      style: (token) => (statusOf(token, now).startsWith('valid') ? 'green' : 'red'),
    },
  ];
}

function statusOf({ expiresAt, revokedAt }: TokenView, now: number): string {
  if (revokedAt !== undefined) return `revoked ${relative(revokedAt, now)}`;
  if (expiresAt === undefined) return 'valid';
  return now < expiresAt ? `valid, expires ${relative(expiresAt, now)}` : `expired ${relative(expiresAt, now)}`;
}

async function revoke(id: string, command: Command, context: CommandContext): Promise<void> {
  const token = await context.withYard(command, (yard) => yard.tokens.revoke(id));
  told(context, token, { name: id, text: () => `Token ${id} (${token.label}) opens nothing more.` });
}
