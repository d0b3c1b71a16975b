/**
 * `yard file put | fetch`: files for handlers, and files that handlers wrote.
 */

import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import type { OpenFile } from '../../sdk/index.ts';
import { isJson, jsonOf, told } from './answer.ts';
import type { CommandContext } from './command.ts';
import { MissingError } from './exit.ts';

interface PutFlags {
  name?: string;
  type?: string;
}

interface GetFlags {
  of: 'output' | 'input';
  to?: string;
}

export function register(program: Command, context: CommandContext): void {
  const file = program.command('file').description('Brings files to jobs, and fetches what jobs wrote.');
  file
    .command('put')
    .argument('<id>', 'Of the job, which need not be there yet.')
    .argument('<path>')
    .description('Puts a file for the handler of a job that does not run yet, and prints how it is called there.')
    .option('--name <name>', 'How the handler calls it; as the file, unless given.')
    .option('--type <type>', 'Its media type, such as `video/mp4`.')
    .action((id: string, path: string, flags: PutFlags, command: Command) =>
      put({ id, path, ...flags }, command, context),
    );
  file
    .command('fetch')
    .argument('<id>', 'Of the job.')
    .argument('<name>')
    .description('Fetches a file of a job, and prints where it is.')
    .addOption(
      new Option('--of <kind>', 'What the job wrote, or what was put for it.')
        .choices(['output', 'input'])
        .default('output'),
    )
    .option(
      '--to <path>',
      'Where it goes; into the working directory under its name, unless given. `-`: standard output.',
    )
    .action((id: string, name: string, flags: GetFlags, command: Command) =>
      get({ id, name, ...flags }, command, context),
    );
}

async function put(
  { id, path, name = basename(path), type }: PutFlags & { id: string; path: string },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) throw new MissingError(`Expected a file at ${path}, found none. Correct the path.`);
  const view = await context.withYard(command, (yard) =>
    yard.files.put(id, name, createReadStream(path), { type, size: found.size }),
  );
  told(context, view, { name: view.name, text: () => view.name });
}

async function get(
  { id, name, of, to = name }: GetFlags & { id: string; name: string },
  command: Command,
  { terminal, output, withYard }: CommandContext,
): Promise<void> {
  await withYard(command, async ({ files }) => {
    const { bytes, ...view }: OpenFile = await (of === 'input' ? files.input(id, name) : files.output(id, name));
    if (to === '-') return await pipeline(bytes, process.stdout, { end: false });
    await pipeline(bytes, createWriteStream(to));
    terminal.print(isJson(output) ? jsonOf({ ...view, path: to }, output) : to);
  });
}
