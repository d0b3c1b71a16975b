/**
 * This package as its next version may be: a copy of the checkout whose records have another shape, under a higher
 * number, and which brings those of today up to it. Its processes are as real as all others.
 */

import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Program } from '../../cluster/member.ts';
import { packageRoot } from '../../cluster/version.ts';
import { isObject } from '../../nats/codec.ts';
import { type JobRecord, plainVersion, recordVersion, upcast } from '../../runtime/record.ts';

const rooms = ['bin', 'machines', 'runtime', 'actors', 'nats', 'handlers', 'cluster', 'sdk', 'doors', 'package.json'];

export const newerVersion = recordVersion + 1;

/** Makes the copy in `folder` and returns what runs it. */
export async function newerBuild(folder: string): Promise<Program> {
  await mkdir(folder);
  for (const room of rooms) await cp(join(packageRoot, room), join(folder, room), { recursive: true });
  await symlink(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
  const file = join(folder, 'runtime', 'record.ts');
  await writeFile(file, raised(await readFile(file, 'utf8')));
  return { command: process.execPath, args: [join(folder, 'bin', 'yard.js')] };
}

function raised(source: string): string {
  const shape = `({ ...older, version: ${newerVersion}, renamed: older['priority'] })`;
  return replaced(
    replaced(
      replaced(source, `recordVersion = ${recordVersion};`, `recordVersion = ${newerVersion};`),
      `plainVersion = ${plainVersion};`,
      `plainVersion = ${newerVersion};`,
    ),
    '(older: Loose) => Loose>> = {',
    `(older: Loose) => Loose>> = { ${recordVersion}: (older) => ${shape}, `,
  );
}

function replaced(source: string, what: string, by: string): string {
  if (!source.includes(what)) throw new Error(`Expected \`${what}\` in the source to be changed, found it nowhere.`);
  return source.replace(what, by);
}

/** A record of either version, for who looks from outside. */
export function readEither(json: unknown): JobRecord {
  return upcast(isObject(json) && json['version'] === newerVersion ? { ...json, version: recordVersion } : json);
}
