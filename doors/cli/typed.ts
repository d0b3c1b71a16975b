/**
 * What was typed, for whoever is told that it is wrong: a refusal names a value as code does, and who typed `--max-active` reads of
 * that, not of `maxActive`.
 */

import type { Command, Option } from 'commander';
import { flagWords } from './setting.ts';

/** The sentence, with the flag in the place of the name of the value that was given by it. */
export function asTyped(sentence: string, command: Command | undefined): string {
  const typed = command === undefined ? [] : typedOptions(command);
  return sentence.replaceAll(/(?<=\bExpected )`(\w+)`/g, (quoted, name: string) => {
    const option = typed.find((each) => each.attributeName() === name || each.long === `--${flagWords.get(name)}`);
    return option === undefined ? quoted : `\`${option.long}\``;
  });
}

/** Those of the command and those of the ones that it is a part of. */
function typedOptions(command: Command): readonly Option[] {
  const own = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli');
  return command.parent === null ? own : [...own, ...typedOptions(command.parent)];
}
