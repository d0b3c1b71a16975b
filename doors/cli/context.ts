/**
 * `yard context add | list | use | show | remove`: clusters under names, so that a command need not be told each time where
 * its cluster is and how to sign in there.
 */

import type { Command } from 'commander';
import type { ContextView } from '../../cluster/contexts.ts';
import { listed, told } from './answer.ts';
import { type Column, facts } from './columns.ts';
import type { CommandContext } from './command.ts';
import { UsageError } from './exit.ts';

export function register(program: Command, context: CommandContext): void {
  const contexts = program
    .command('context')
    .description('Clusters under names: where each is, and how to sign in there. Contexts of `nats` are known, too.');
  contexts
    .command('add <name>')
    .summary('Keeps a cluster under a name.')
    .description(
      'Keeps what flags and environment say of a cluster under a name: --nats, --creds, --nkey, --user, --password, --token, --tls-…, --tenant, --prefix, and with --context another context, such as one of `nats`. Nobody but you can read it.',
    )
    .option('--http <url>', 'Where the cluster serves HTTP; `yard doctor` looks there.')
    .option('--http-token <token>', 'The token to show there. Rather set it in YARD_HTTP_TOKEN.')
    .option('--use', 'Chooses it, too.')
    .option('--replace', 'Overwrites one of that name.')
    .action((name: string, flags: AddFlags, command: Command) => add({ name, flags }, command, context));
  contexts
    .command('list')
    .description('Lists contexts, those of `nats` too; `*` marks the one that is chosen.')
    .action(() => list(context));
  contexts
    .command('use [name]')
    .description(
      'Chooses a context: it says where the cluster is where no flag, no environment, no file and no `yard up` here does.',
    )
    .option('--none', 'Chooses none.')
    .action((name: string | undefined, { none }: { none?: boolean }) => use(name, none === true, context));
  contexts
    .command('show [name]')
    .alias('describe')
    .description('Shows a context; without a name where a command that is typed here goes, and why.')
    .action((name: string | undefined, _, command: Command) =>
      name === undefined ? showHere(command, context) : show(name, context),
    );
  contexts
    .command('remove <name>')
    .description('Removes a context.')
    .action((name: string) => remove(name, context));
}

interface AddFlags {
  http?: string;
  httpToken?: string;
  use?: boolean;
  replace?: boolean;
}

async function add(
  { name, flags }: { name: string; flags: AddFlags },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const { addContext, chooseContext } = await import('../../cluster/contexts.ts');
  const { env, directory } = context;
  const { http, httpToken = env['YARD_HTTP_TOKEN'], replace = false } = flags;
  const options = context.settings(command, 'client');
  const view = await addContext(env, { name, options, http, httpToken, replace, directory });
  if (flags.use === true) await chooseContext(env, name);
  const how = flags.use === true ? 'kept and chosen' : `kept; \`yard context use ${name}\` chooses it`;
  told(context, { ...view, isChosen: flags.use === true }, { name, text: () => `Context ${name} is ${how}.` });
}

async function list(context: CommandContext): Promise<void> {
  const { listContexts } = await import('../../cluster/contexts.ts');
  listed(context, await listContexts(context.env), {
    shape,
    none: 'No contexts. Add one with `yard context add NAME --nats URL`.',
  });
}

const shape: readonly Column<ContextView>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'CHOSEN', value: ({ isChosen }) => (isChosen ? '*' : ''), style: () => 'green' },
  { title: 'OF', value: ({ of }) => of },
  { title: 'SERVER', shrinks: true, value: serverText, style: ({ flaw }) => (flaw === undefined ? 'reset' : 'red') },
  { title: 'SIGN-IN', value: ({ signIn }) => signIn },
  { title: 'TENANT', value: ({ tenant }) => tenant ?? '-' },
  { title: 'PREFIX', value: ({ prefix }) => prefix ?? '-' },
  { title: 'HTTP', wide: true, value: ({ http }) => http ?? '-' },
];

function serverText({ server, natsContext, flaw }: ContextView): string {
  if (flaw !== undefined) return flaw;
  return server ?? (natsContext === undefined ? '-' : `as \`${natsContext}\` says`);
}

async function use(name: string | undefined, isNone: boolean, context: CommandContext): Promise<void> {
  if ((name === undefined) === !isNone)
    throw new UsageError('Expected the name of a context, or `--none`. See `yard context list`.');
  const { chooseContext } = await import('../../cluster/contexts.ts');
  const chosen = await chooseContext(context.env, name);
  const text =
    chosen === undefined ? 'No context is chosen.' : `Context ${chosen.name} is chosen: ${serverText(chosen)}.`;
  told(context, chosen ?? null, { name: chosen?.name ?? '', text: () => text });
}

async function show(name: string, context: CommandContext): Promise<void> {
  const { findContext } = await import('../../cluster/contexts.ts');
  const view = await findContext(context.env, name);
  told(context, view, { name, text: () => page(view, context) });
}

function page(view: ContextView, { terminal }: CommandContext): string {
  return facts(
    [
      ['name', view.name],
      ['of', view.of],
      ['chosen', view.isChosen ? 'yes' : 'no'],
      ['server', serverText(view)],
      ['sign-in', view.signIn],
      ['tenant', view.tenant],
      ['prefix', view.prefix],
      ['http', view.http],
    ],
    terminal,
  );
}

/** Where a command goes that is typed in this directory, and what says so. */
async function showHere(command: Command, context: CommandContext): Promise<void> {
  const [{ locate }, { explainSettings }] = await Promise.all([
    import('../../cluster/locate.ts'),
    import('../../cluster/settings.ts'),
  ]);
  const options = await locate(context.settings(command, 'client'), context.directory);
  const shown = ['nats', 'context', 'creds', 'nkey', 'user', 'token', 'tenant', 'prefix'];
  const said = explainSettings(options).filter(({ name, origin }) => shown.includes(name) && origin !== 'default');
  const pairs = said.map(({ name, value, origin }) => [name, `${value}  (${origin})`] as const);
  const text = () =>
    pairs.length === 0
      ? 'Nothing says where the cluster is: the context that `nats` has selected, else nats://127.0.0.1:4222.'
      : facts(pairs, context.terminal);
  told(context, said, { name: '', text });
}

async function remove(name: string, context: CommandContext): Promise<void> {
  const { removeContext } = await import('../../cluster/contexts.ts');
  const view = await removeContext(context.env, name);
  told(context, view, { name, text: () => `Context ${name} is removed.` });
}
