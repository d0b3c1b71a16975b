/**
 * Which inputs a job may read, and how ffmpeg is told to read nothing else.
 *
 * A file must lie beneath an input root, links followed. A playlist is a list of further inputs that its writer
 * chose, so ffmpeg opens only containers that hold their media themselves; playlists are taken from the network
 * alone, where they can name no file of this machine. Every refusal is a sentence for the one who submitted.
 */

import { open, stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInside, reach, refused } from './place.ts';

export type Protocol = 'file' | 'http' | 'https';

export interface InputRules {
  roots: readonly string[];
  protocols: readonly Protocol[];
}

export interface Input {
  /** What ffmpeg opens. */
  readonly url: string;
  /** As it may be shown: without credentials and query. */
  readonly shown: string;
  /** Options before `-i`. */
  readonly options: readonly string[];
  /** Where it is a file of this machine. */
  readonly file?: { readonly path: string; readonly sizeBytes: number };
}

const selfContained =
  'mov,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf,mxf,gif,nut,ivf,dv,h264,hevc,m4v,mpegvideo,yuv4mpegpipe,wav,mp3,aac,flac';

/** @throws JobError, not to be tried again, that says what is wrong with the input. */
export async function checkInput(input: string, rules: InputRules): Promise<Input> {
  const protocol = protocolOf(input);
  if (!rules.protocols.some((allowed) => allowed === protocol))
    throw refused(`Expected an input by ${rules.protocols.join(', ')}, got ${protocol}: in ${shownUrl(input)}.`);
  return protocol === 'file' ? checkFile(input, rules.roots) : remote(input, rules.protocols);
}

/** `C:` and the like are no concern: a file whose name has a colon is written as `./a:b.mp4`. */
function protocolOf(input: string): string {
  return /^([a-z][a-z0-9+.-]*):/i.exec(input)?.[1]?.toLowerCase() ?? 'file';
}

function remote(input: string, protocols: readonly Protocol[]): Input {
  if (!URL.canParse(input)) throw refused(`Expected a URL, got ${input}. Correct it.`);
  const allowed = [...protocols.filter((protocol) => protocol !== 'file'), 'tls', 'tcp', 'crypto', 'httpproxy'];
  const formats = `${selfContained},hls,dash`;
  const options = ['-protocol_whitelist', allowed.join(','), '-format_whitelist', formats, '-rw_timeout', '30000000'];
  return { url: input, shown: shownUrl(input), options };
}

function shownUrl(input: string): string {
  if (!URL.canParse(input)) return input;
  const url = new URL(input);
  return url.host === '' ? input : `${url.protocol}//${url.host}${url.pathname}`;
}

async function checkFile(input: string, roots: readonly string[]): Promise<Input> {
  const path = await locate(pathOf(input), roots);
  const sizeBytes = await checkPlain(input, path);
  await checkNoPlaylist(input, path);
  const options = ['-protocol_whitelist', 'file', '-format_whitelist', selfContained];
  return { url: `file:${path}`, shown: input, options, file: { path, sizeBytes } };
}

function pathOf(input: string): string {
  if (!/^file:/i.test(input)) return input;
  try {
    return fileURLToPath(input);
  } catch (cause) {
    throw refused(`Expected a file URL such as file:///videos/a.mp4, got ${input}. Correct it.`, cause);
  }
}

/** The real path of the first root's file. Outside of the roots nothing is looked at, not even whether it is there. */
async function locate(path: string, roots: readonly string[]): Promise<string> {
  const inside = roots.map((root) => ({ root, candidate: resolve(root, path) })).filter(lexicallyInside);
  if (inside.length === 0) throw refused(outside(path, roots));
  const codes: string[] = [];
  for (const { root, candidate } of inside) {
    const real = await reach(candidate);
    if ('code' in real) codes.push(real.code);
    else if (isInside(await realRoot(root), real.path)) return real.path;
    else throw refused(`Expected an input beneath ${root}, but ${path} is a link that leads out of it.`);
  }
  if (codes.includes('EACCES')) throw refused(unreadable(path));
  throw refused(
    `Expected the input ${path} to exist${isAbsolute(path) ? '' : ` in ${roots.join(' or ')}`}, found nothing there. Check its name.`,
  );
}

function lexicallyInside({ root, candidate }: { root: string; candidate: string }): boolean {
  return isInside(resolve(root), candidate);
}

async function realRoot(root: string): Promise<string> {
  const real = await reach(root);
  return 'path' in real ? real.path : resolve(root);
}

async function checkPlain(input: string, path: string): Promise<number> {
  const found = await stat(path);
  if (!found.isFile()) {
    const kind = found.isDirectory() ? 'a folder' : 'something else';
    throw refused(`Expected the input ${input} to be a file, got ${kind}.`);
  }
  if (found.size === 0) throw refused(`Expected the input ${input} to be a media file, got an empty file.`);
  return found.size;
}

async function checkNoPlaylist(input: string, path: string): Promise<void> {
  const head = await readHead(input, path);
  if (/^(#EXTM3U|ffconcat|\[playlist\]|<\?xml[^>]*>\s*<MPD|<MPD)/i.test(head))
    throw refused(`Expected the input ${input} to hold its media itself, got a playlist. Name the media file.`);
}

/** Opened, not asked for: only that tells whether it can be read. */
async function readHead(input: string, path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.toString('latin1', 0, bytesRead).trimStart();
  } catch (cause) {
    throw refused(unreadable(input), cause);
  }
}

function outside(path: string, roots: readonly string[]): string {
  return `Expected an input beneath ${roots.join(' or ') || 'an allowed folder (there is none)'}, got ${path}. Move it there, or allow its folder on the worker.`;
}

function unreadable(path: string): string {
  return `Expected the input ${path} to be readable by the worker, it is not. Change its permissions.`;
}
