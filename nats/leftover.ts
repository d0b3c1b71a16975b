/**
 * Who owns a data directory, and what an owner that died has left running in it.
 *
 * A server on a store that another one uses destroys it, and nats-server does not look. So whoever starts one puts
 * its name into `nats-server.owner` first: process id and start time, because ids are used again. A living owner is
 * respected. A dead one's server, found by its pid file and recognised by its command line, is stopped. Recognising
 * needs `/proc`; where there is none, only the owner's file guards the directory.
 */

import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { serverFiles } from './server-config.ts';

const ownerFile = 'nats-server.owner';
const patienceMs = 5_000;
/** `PF_EXITING` of Linux: what a process holds is given up one after the other from here on, its pipes early. */
const endingFlag = 0x4;

/**
 * Makes this process the owner of the directory and stops what a dead owner left running there.
 *
 * @throws {Fault} `broker.refused` where a living process owns it.
 */
export async function takeOver({ dataDir, clock }: { dataDir: string; clock: Clock }): Promise<void> {
  const path = join(dataDir, ownerFile);
  const me = await nameOf(process.pid);
  while (!(await writeNew(path, me))) {
    const owner = (await textIn(path))?.trim() ?? '';
    const pid = Number.parseInt(owner, 10);
    if (isAlive(pid) && (await nameOf(pid)) === owner)
      throw new Fault(
        'broker.refused',
        `Expected nobody else's broker in ${dataDir}, got one of the living process ${pid}. Stop it with \`yard down\`, or choose another data directory.`,
        { facts: { owner: pid } },
      );
    await rm(path, { force: true });
  }
  await endLeftover(dataDir, clock);
}

/** Gives the directory up. */
export async function release(dataDir: string): Promise<void> {
  await rm(join(dataDir, ownerFile), { force: true });
}

async function endLeftover(dataDir: string, clock: Clock): Promise<void> {
  const pid = Number.parseInt((await textIn(join(dataDir, serverFiles.pid))) ?? '', 10);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!(await isServerOf(pid, dataDir))) return;
    process.kill(pid, signal);
    const patience = clock.mono() + patienceMs;
    while (clock.mono() < patience && (await isServerOf(pid, dataDir))) await pause(clock, 20);
  }
}

/** Whether that process is a server which was started with this directory's configuration. */
async function isServerOf(pid: number, dataDir: string): Promise<boolean> {
  if (!Number.isInteger(pid)) return false;
  const command = await textIn(`/proc/${pid}/cmdline`);
  return command?.split('\0').includes(join(dataDir, serverFiles.config)) ?? false;
}

/** Whether a process has this id now; one that we may not signal counts too. */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid)) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process is alive all the same.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * A process, by its id and where `/proc` tells it by when it started: two that had the same id have two names. One
 * that is ending, or has ended and its parent has not asked about it, is nobody's any more.
 */
export async function nameOf(pid: number): Promise<string> {
  const stat = await textIn(`/proc/${pid}/stat`);
  // The second field is a name in parentheses and may hold spaces; what follows is counted from behind it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startedAt = fields?.[19];
  if (startedAt === undefined) return String(pid);
  const isEnding = fields?.[0] === 'Z' || (Number(fields?.[6]) & endingFlag) !== 0;
  return isEnding ? `${pid} ended` : `${pid} ${startedAt}`;
}

async function writeNew(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function textIn(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}
