/**
 * Where an attempt writes, and how its file becomes visible: written beside its place under a name of the attempt,
 * renamed at the end. Two attempts therefore never write the same file, and nobody sees half of one.
 */

import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, parse, resolve } from 'node:path';
import { JobError, type JobRun } from '../../runtime/handler.ts';
import { endingOf, type TranscodePayload, usualContainer } from './payload.ts';
import { codeOf, isInside, reach, refused } from './place.ts';

export interface Output {
  /** The path that the result has in the end. */
  readonly final: string;
  /** The path that this attempt writes. */
  readonly draft: string;
  readonly ending: string;
}

type Run = Pick<JobRun<unknown>, 'fence' | 'signal' | 'holdsFence'>;

/** Checks the place, makes its folder, and removes what dead attempts of the job left. @throws JobError */
export async function openOutput(name: string, { root, job }: { root: string; job: Run }): Promise<Output> {
  const final = resolve(root, name);
  if (!isInside(resolve(root), final) || final === resolve(root))
    throw refused(`Expected an output beneath ${root}, got ${name}. Give a path relative to that folder.`);
  await makeFolder(root, dirname(final), name);
  if (await isFolder(final)) throw refused(`Expected the output ${name} to be a file, there is a folder of that name.`);
  const ending = endingOf(final);
  const draftOf = (attempt: number) => `.${parse(final).name.slice(0, 60)}.${job.fence.job}.${attempt}.part.${ending}`;
  await removeDrafts(dirname(final), (entry) => isEarlier(entry, draftOf, job.fence.attempt));
  return { final, draft: join(dirname(final), draftOf(job.fence.attempt)), ending };
}

/** What the output is called where the job does not say: the input's name and the job's id. */
export function usualName({ input }: TranscodePayload, codec: string, id: string): string {
  const path = URL.canParse(input) ? new URL(input).pathname : input;
  return `${parse(basename(path)).name || 'output'}-${id}.${usualContainer(codec)}`;
}

/** Makes the draft visible, only while the attempt still holds the job. @throws JobError where it does not. */
export async function publish({ draft, final }: Output, job: Run): Promise<void> {
  if (!(await job.holdsFence()))
    throw new JobError('Expected to hold the job still, another attempt does. The output of this one is discarded.');
  job.signal.throwIfAborted();
  await rename(draft, final);
}

export async function discard({ draft }: Output): Promise<void> {
  await rm(draft, { force: true });
}

async function makeFolder(root: string, folder: string, name: string): Promise<void> {
  try {
    await mkdir(root, { recursive: true });
    await checkLinks(root, folder, name);
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    if (cause instanceof JobError) throw cause;
    throw refused(
      `Expected to write the output ${name} beneath ${root}, the system refused (${codeOf(cause)}).`,
      cause,
    );
  }
}

/** The deepest folder that exists must really lie beneath the root. */
async function checkLinks(root: string, folder: string, name: string): Promise<void> {
  // Asked before it is followed: what another job makes in between is then there, and no link that leads nowhere.
  if (await isMissing(folder)) return checkLinks(root, dirname(folder), name);
  const [real, base] = [await reach(folder), await reach(root)];
  if ('code' in real)
    throw refused(`Expected the folder of the output ${name} to be a folder, it is not (${real.code}).`);
  if ('path' in base && !isInside(base.path, real.path))
    throw refused(`Expected an output beneath ${root}, but ${name} goes through a link that leads out of it.`);
}

/** A link that leads nowhere is not missing. */
async function isMissing(path: string): Promise<boolean> {
  return lstat(path).then(
    () => false,
    (cause: unknown) => codeOf(cause) === 'ENOENT',
  );
}

async function isFolder(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function isEarlier(entry: string, draftOf: (attempt: number) => string, attempt: number): boolean {
  const number = Number(/\.(\d+)\.part\.[^.]+$/.exec(entry)?.[1] ?? Number.NaN);
  return number < attempt && entry === draftOf(number);
}

async function removeDrafts(folder: string, isOld: (entry: string) => boolean): Promise<void> {
  const old = (await readdir(folder)).filter(isOld);
  await Promise.all(old.map((entry) => rm(join(folder, entry), { force: true })));
}
