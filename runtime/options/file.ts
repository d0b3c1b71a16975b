/**
 * Finds and reads the file of options: the one that `--config` or `YARD_CONFIG` names, else `yardmaster.json` in
 * the working directory, else none. Knows JSON and where to look; what the names and values mean is not its affair.
 */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Fault, messageOf } from '../faults.ts';
import type { OptionFile, OptionSources } from '../options.ts';
import { envOf } from './table.ts';

const standardFile = 'yardmaster.json';

/**
 * The file of options, or `undefined` where nobody named one and the standard one is not there.
 *
 * @throws {Fault} `option.invalid` where a named file is absent, or what is there is no JSON object.
 */
export function readOptionFile(
  sources: Pick<OptionSources, 'flags' | 'env'>,
  directory: string,
): OptionFile | undefined {
  const named =
    sources.flags['config'] ??
    envOf('config')
      .map((name) => sources.env[name])
      .find(Boolean);
  const path = typeof named === 'string' ? named : standardFile;
  const text = read(resolve(directory, path), { mayBeAbsent: named === undefined });
  return text === undefined ? undefined : { path, values: parse(text, path) };
}

function read(path: string, rule: { mayBeAbsent: boolean }): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (rule.mayBeAbsent && thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw new Fault(
      'option.invalid',
      `Expected a file of options at ${path}, got: ${messageOf(thrown)}. Change \`config\`.`,
      {
        cause: thrown,
      },
    );
  }
}

function parse(text: string, path: string): Readonly<Record<string, unknown>> {
  const json = parseJson(text, path);
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Fault('option.invalid', `Expected ${path} to hold one JSON object of options, got something else.`);
  return Object.fromEntries(Object.entries(json));
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new Fault('option.invalid', `Expected ${path} to be JSON, got: ${messageOf(thrown)}. Correct the file.`, {
      cause: thrown,
    });
  }
}
