/**
 * `yard type list | get`: job types that workers have made known, and what their payloads may hold.
 */

import type { Command } from 'commander';
import type { TypeView } from '../../sdk/index.ts';
import { listed, told } from './answer.ts';
import { type Column, columns, facts } from './columns.ts';
import type { CommandContext } from './command.ts';
import { type PayloadField, payloadFields } from './payload-fields.ts';
import { watchable } from './watchable.ts';

export function register(program: Command, context: CommandContext): void {
  const type = program.command('type').description('Shows the job types that workers have made known.');
  watchable(type.command('list').description('Lists them, with how many workers serve each now.'), context, list);
  type
    .command('get <type>')
    .alias('describe')
    .description('Shows a type: what its payload may hold, field by field. `-o json` has the whole JSON Schema.')
    .action((name: string, _, command: Command) => get(name, command, context));
}

async function list(command: Command, context: CommandContext): Promise<void> {
  const types = await context.withYard(command, (yard) => yard.types.list());
  listed(context, types, { shape, none: 'No worker has made a type known yet. Start one: yard worker' });
}

const shape: readonly Column<TypeView>[] = [
  { title: 'TYPE', value: ({ type }) => type },
  { title: 'WORKERS', value: ({ workers }) => (workers === undefined ? '-' : String(workers)), align: 'right' },
  {
    title: 'FIELDS',
    value: ({ schema }) => (schema === undefined ? '-' : String(payloadFields(schema).length)),
    align: 'right',
  },
  { title: 'ABOUT', value: ({ description = '' }) => description, shrinks: true },
];

async function get(name: string, command: Command, context: CommandContext): Promise<void> {
  const view = await context.withYard(command, (yard) => yard.types.get(name));
  told(context, view, { name, text: () => pageOf(view, context) });
}

function pageOf(view: TypeView, { terminal }: CommandContext): string {
  const about = facts(
    shape.map(({ title, value }) => [title.toLowerCase(), value(view)] as const),
    terminal,
  );
  if (view.schema === undefined) return `${about}\n\nIts worker does not say what its payload may hold.`;
  const fields = payloadFields(view.schema);
  return fields.length === 0
    ? `${about}\n\nIts payload has no fields of its own.`
    : `${about}\n\n${columns(fields, fieldShape, terminal)}`;
}

const fieldShape: readonly Column<PayloadField>[] = [
  { title: 'FIELD', value: ({ name, isRequired }) => (isRequired ? `${name} *` : name) },
  { title: 'TAKES', value: ({ takes }) => takes },
  { title: 'ABOUT', value: ({ about }) => about, shrinks: true },
];
