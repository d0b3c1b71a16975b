/**
 * Where the cluster is, for whoever was not told: the one that `yard up` runs in this directory.
 *
 * Whatever was said (a flag, the environment, a file of options, a context) wins over it; where nothing was said and
 * nothing runs here, the options stay as they are, and the connection tries what it tries by itself.
 */

import { resolve } from 'node:path';
import type { Options } from '../runtime/options.ts';
import { readUpFile } from './up-file.ts';

/** The options with address and prefix of the local cluster, where nothing else says where the broker is. */
export async function locate(options: Options, directory: string): Promise<Options> {
  if (options.nats.length > 0 || options.context !== undefined) return options;
  const up = await readUpFile(resolve(directory, options.data));
  if (up === undefined) return options;
  const origin = `yard up (process ${up.pid})`;
  const isPrefixOpen = options.origins.prefix === 'default';
  return {
    ...options,
    nats: up.url.split(','),
    prefix: isPrefixOpen ? up.prefix : options.prefix,
    origins: { ...options.origins, nats: origin, ...(isPrefixOpen ? { prefix: origin } : {}) },
  };
}
