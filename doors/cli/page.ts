/**
 * The text of `docs/cli.md`: an opening for people, then every command as it describes itself. So a command that says
 * something new about itself says it there, too.
 */

import type { Argument, Command, Option } from 'commander';
import { type Flag, ownFlags, type Scope } from '../../cluster/settings.ts';

/** Commands whose flags are options of a process, which `options.md` has. */
const processes: Readonly<Record<string, Scope>> = { up: 'up', master: 'master', worker: 'worker', demo: 'up' };

export function cliPage(program: Command): string {
  const nouns = visible(program);
  return `${opening}
${nouns.map((each) => section(each)).join('')}
## Flags of every command

They say where the cluster is and how answers are written, and are understood before and behind each command. [options.md](options.md) has their
environment names and defaults.

| | |
|---|---|
${program.options.filter(isOwn).map(optionRow).join('\n')}
`;
}

const opening = `# The command \`yard\`

Made from the commands themselves and the opening in \`doors/cli/page.ts\`; do not edit it by hand. \`yard COMMAND --help\` says the same.

\`\`\`sh
yard up                                                        # a broker, a master and two workers here
yard submit transcode '{"input":"a.mov","output":"a.mp4"}' --queue live --priority high --wait
yard top                                                       # the cluster at work; q quits
yard doctor                                                    # what is wrong, and what to do about it
\`\`\`

**Where it goes.** Flags win over a context that was named (\`--context\`, \`YARD_CONTEXT\`), that over the environment, that over \`yardmaster.json\`. Where none
of them says where the cluster is, it is the one that \`yard up\` runs in this directory, else the context that was chosen, else the one that \`nats\` has
selected, else \`nats://127.0.0.1:4222\`. \`yard context show\` tells where a command goes that is typed here, and what says so.

\`\`\`sh
yard context add prod --nats tls://a:4222,tls://b:4222 --creds prod.creds --tenant acme --http https://yard.example.com
yard context use prod                                          # from now on, where nothing else says
yard status --context staging                                  # just this once
\`\`\`

**How it answers.** Data goes to standard output and talk to standard error, so a pipe gets data alone. \`-o table\` is for people, \`wide\` has more columns,
\`json\` is one document, \`jsonl\` an object a line, and \`name\` names alone. There are no colours where the output is no terminal or \`NO_COLOR\` is set.

\`\`\`sh
id=$(yard submit noop)                                         # the id and nothing else
yard job list --state failed -o name | xargs -n1 yard job redrive
yard job list --state processing -o json | jq -r '.[].context.worker' | sort | uniq -c
yard job result "$id" --wait | jq .
yard queue list --watch                                        # lists can be watched; jobs, workflows and bulk operations followed
yard job cancel --queue batch --dry-run                        # what is done to many is counted first
\`\`\`

**How it ends.** Scripts can tell one trouble from another by the exit code:

| code | |
|---|---|
| 0 | done |
| 1 | the job failed, or the command did |
| 2 | what was typed is not what was expected; the nearest word is named |
| 3 | what was named is not there |
| 4 | the broker does not accept these credentials |
| 5 | no broker, or no master, answers |
| 6 | what was waited for did not happen in time |
| 130 | Ctrl-C |

**Completion** of commands, flags and contexts: \`source <(yard completion bash)\`, and likewise for zsh, fish and powershell.
`;

/** A noun with its verbs, or a verb alone. */
function section(command: Command): string {
  const verbs = visible(command).filter((each) => each.name() !== 'help');
  return `
## \`${usage(command)}\`

${text(command)}
${verbs.map((verb) => `\n### \`${usage(verb)}\`\n\n${text(verb)}\n`).join('')}`;
}

function visible(command: Command): readonly Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help');
}

function usage(command: Command): string {
  const path: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) path.unshift(at.name());
  return [...path, ...command.registeredArguments.map(argumentText)].join(' ');
}

function argumentText(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '…' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function text(command: Command): string {
  const aliases = command.aliases();
  const also = aliases.length === 0 ? '' : ` Also ${aliases.map((alias) => `\`${alias}\``).join(', ')}.`;
  const scope = command.parent?.parent === null ? processes[command.name()] : undefined;
  const elsewhere = new Set(scope === undefined ? [] : ownFlags(scope).map(flagName));
  const options = command.options.filter((each) => isOwn(each) && !elsewhere.has(each.long ?? ''));
  const rows = [
    ...command.registeredArguments.filter(({ description }) => description !== '').map(argumentRow),
    ...options.map(optionRow),
  ];
  const table = rows.length === 0 ? '' : `\n\n| | |\n|---|---|\n${rows.join('\n')}`;
  const more = elsewhere.size === 0 ? '' : `\n\nIt takes the options of \`${scope}\` of [options.md](options.md), too.`;
  return `${command.description()}${also}${table}${more}`;
}

/** \`--nats\` of \`--nats <url,…>\`. */
function flagName({ usage: whole }: Flag): string {
  return whole.split(' ')[0] ?? whole;
}

function isOwn({ long, hidden }: Option): boolean {
  return long !== '--help' && !hidden;
}

function argumentRow(argument: Argument): string {
  return row(argumentText(argument), argument.description);
}

function optionRow({ flags, description, argChoices, defaultValue }: Option): string {
  const choices = argChoices === undefined ? '' : ` One of ${argChoices.map((each) => `\`${each}\``).join(', ')}.`;
  const isSaid = defaultValue !== undefined && typeof defaultValue !== 'boolean';
  return row(flags, `${description}${choices}${isSaid ? ` Default: \`${String(defaultValue)}\`.` : ''}`);
}

function row(what: string, meaning: string): string {
  return `| \`${what.replaceAll('|', '\\|')}\` | ${meaning.replaceAll('|', '\\|')} |`;
}
