/**
 * The options as people read them: the flags of one command for `--help`, and the whole of `docs/options.md`.
 */

import {
  envOf,
  flagOf,
  type Group,
  groups,
  type Option,
  type OptionName,
  type OptionValues,
  optionNames,
  options,
  type Scope,
} from './table.ts';

/** One flag as a command declares it. */
export interface Flag {
  name: OptionName;
  /** `--concurrency <count>` */
  usage: string;
  /** The sentence and the default. */
  help: string;
}

/** The flags of a process of this scope, in the order of the table. */
export function flagsOf(scope: Scope): readonly Flag[] {
  return optionNames
    .filter((name) => options[name].scopes.includes(scope))
    .map((name) => ({
      name,
      usage: `${flagOf(name)} <${options[name].placeholder}>`,
      help: `${options[name].help} Default: ${standard(name)}.`,
    }));
}

/** The text of `docs/options.md`. */
export function optionsPage(): string {
  return `# Options

Generated from \`runtime/options/table.ts\`; do not edit it by hand.

A flag wins over the environment, the environment over the file, the file over the default. The file is
\`yardmaster.json\` in the working directory, or the one that \`--config\` names; its names are those of the first
column. Durations are written as \`500ms\`, \`5s\`, \`1m30s\`, \`2h\` or \`30d\`; a bare number is milliseconds. \`yard config show\`
tells every value and where it came from. A name that does not exist is refused.
${groups.map(section).join('')}`;
}

function section(group: Group): string {
  const rows = optionNames.filter((name) => options[name].group === group).map(row);
  return `
## ${group}

| name | flag | environment | default | for | |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

function row(name: OptionName): string {
  const option = options[name];
  const environment = envOf(name)
    .map((variable) => `\`${variable}\``)
    .join(' ');
  const cells = [
    `\`${name}\``,
    `\`${flagOf(name)} <${option.placeholder}>\``,
    environment,
    standard(name),
    option.scopes.join(', '),
    `${option.help} Expects ${option.expected}.${option.secret === true ? ' Secret: never shown.' : ''}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function standard<Name extends OptionName>(name: Name): string {
  const option: Option<OptionValues[Name]> = options[name];
  if (option.default === undefined) return option.unset;
  const shown = option.show(option.default);
  return shown === '' ? 'none' : `\`${shown}\``;
}
