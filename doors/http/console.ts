/**
 * The pages of the console: files that were built from `doors/web`, served as they are. They hold no data; what they show
 * they ask of the API, by its rules.
 *
 * A file whose name has its hash may be kept for ever. Every path that is no file is a place within the pages.
 */

import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { OpenAPIHono } from '@hono/zod-openapi';

const zipped = promisify(gzip);
const base = '/console';
const folder = new URL('../web/dist/', import.meta.url);

/** What the pages may load and do: scripts, styles and pictures of their own, and questions to where they came from. */
export const consolePolicy = {
  ...{
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
  },
  ...{ baseUri: ["'none'"], formAction: ["'self'"], frameAncestors: ["'none'"] },
};

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

const notBuilt =
  'Expected the pages of the console to be built, they are not. Run `npm run build:console` and start the master again. The API is there: /docs.\n';

interface Page {
  bytes: Uint8Array<ArrayBuffer>;
  zip: Uint8Array<ArrayBuffer>;
  type: string;
}

export function isConsole(path: string): boolean {
  return path === base || path.startsWith(`${base}/`);
}

export function registerConsole(app: OpenAPIHono): void {
  let files: Promise<ReadonlyMap<string, Page>> | undefined;
  app.get(base, (context) => context.redirect(`${base}/`));
  app.get(`${base}/*`, async (context) => {
    files ??= readAll();
    const name = context.req.path.slice(base.length + 1);
    const page = (await files).get(name) ?? (extname(name) === '' ? (await files).get('index.html') : undefined);
    if (page === undefined) return context.text((await files).size === 0 ? notBuilt : 'There is no such file.\n', 404);
    const mayZip = context.req.header('accept-encoding')?.includes('gzip') ?? false;
    return context.body(mayZip ? page.zip : page.bytes, 200, {
      'content-type': page.type,
      'cache-control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      vary: 'accept-encoding',
      ...(mayZip ? { 'content-encoding': 'gzip' } : {}),
    });
  });
}

/** All files by their names; none where they were not built. */
async function readAll(): Promise<ReadonlyMap<string, Page>> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const known = names.map((name) => name.replaceAll('\\', '/')).filter((name) => types[extname(name)] !== undefined);
  return new Map(await Promise.all(known.map(async (name) => [name, await readPage(name)] as const)));
}

async function readPage(name: string): Promise<Page> {
  const bytes = new Uint8Array(await readFile(new URL(name, folder)));
  return { bytes, zip: new Uint8Array(await zipped(bytes)), type: types[extname(name)] ?? 'application/octet-stream' };
}
