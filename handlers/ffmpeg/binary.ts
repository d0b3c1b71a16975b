/**
 * Where the ffmpeg program is: as configured, else on PATH, else the one in the package `@ffmpeg-installer/ffmpeg`.
 *
 * The package's binary may lie there without its executable bit (install scripts are often blocked): it is set
 * here, or, where the folder cannot be written, the binary is copied into the user's cache once.
 */

import { access, chmod, constants, copyFile, mkdir, rename, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { Fault } from '../../runtime/faults.ts';

export interface FindOptions {
  /** A configured path or name; nothing else is tried then. */
  ffmpeg?: string;
  env?: NodeJS.ProcessEnv;
  /** Where a binary is copied to that cannot be made executable in place. */
  cache?: string;
}

/** An absolute path of an executable ffmpeg. @throws Fault `tool.missing` that names the ways to get one. */
export async function findFfmpeg({
  ffmpeg,
  env = process.env,
  cache = cacheFolder(env),
}: FindOptions): Promise<string> {
  if (ffmpeg !== undefined) return configured(ffmpeg, env);
  const installed = await onPath('ffmpeg', env);
  if (installed) return installed;
  const packaged = packagedFfmpeg();
  if (packaged) return makeExecutable(packaged, cache);
  throw new Fault(
    'tool.missing',
    'Expected ffmpeg on PATH or in the package @ffmpeg-installer/ffmpeg, found neither. Install ffmpeg, or name its path.',
  );
}

/** The first executable of that name on PATH; a name with a slash is a path. */
export async function onPath(name: string, env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  if (name.includes('/')) return (await isExecutable(name)) ? resolve(name) : undefined;
  for (const folder of (env['PATH'] ?? '').split(delimiter).filter(Boolean))
    if (await isExecutable(join(folder, name))) return resolve(folder, name);
  return undefined;
}

/** `file` itself once it is executable, else an executable copy in `cache`. */
export async function makeExecutable(file: string, cache: string): Promise<string> {
  if (await isExecutable(file)) return file;
  try {
    await chmod(file, 0o755);
    return file;
  } catch {
    return copyExecutable(file, cache);
  }
}

async function configured(ffmpeg: string, env: NodeJS.ProcessEnv): Promise<string> {
  const found = await onPath(ffmpeg, env);
  if (found) return found;
  throw new Fault(
    'tool.missing',
    `Expected an executable ffmpeg at ${ffmpeg}, found none. Correct the configured path.`,
  );
}

/** Named by size too, so that another version of the package gets another copy. */
async function copyExecutable(file: string, cache: string): Promise<string> {
  const { size } = await stat(file);
  const copy = join(cache, `${basename(file)}-${size}`);
  if (await isExecutable(copy)) return copy;
  await mkdir(cache, { recursive: true });
  const draft = `${copy}.${process.pid}`;
  await copyFile(file, draft);
  await chmod(draft, 0o755);
  await rename(draft, copy);
  return copy;
}

function packagedFfmpeg(): string | undefined {
  try {
    const wrapper = createRequire(import.meta.url).resolve('@ffmpeg-installer/ffmpeg/package.json');
    const platform = `@ffmpeg-installer/${process.platform}-${process.arch}/package.json`;
    return join(dirname(createRequire(wrapper).resolve(platform)), 'ffmpeg');
  } catch {
    return undefined;
  }
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

function cacheFolder(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'yardmaster');
}
