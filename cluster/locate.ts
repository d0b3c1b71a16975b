/**
 * Where the cluster is, for whoever was not told: the one that `yard up` runs in this directory.
 *
 * Whatever was said (a flag, the environment, a file of options, a context that was named) wins over it. Where nothing was
 * said and nothing runs here, it is the context that a person has chosen (`yard context use`); where none is, the options
 * stay as they are, and the connection tries what it tries by itself.
 */

import { resolve } from 'node:path';
import { chosenContext, readContextFile } from '../runtime/options/context.ts';
import { type Options, withContext } from '../runtime/options.ts';
import { readUpFile } from './up-file.ts';

/** The options with address and prefix of the local cluster, where nothing else says where the broker is. */
export async function locate(options: Options, directory: string): Promise<Options> {
  if (options.nats.length > 0 || options.context !== undefined) return options;
  const up = await readUpFile(resolve(directory, options.data));
  if (up === undefined) return options.origins.data.startsWith('flag ') ? options : chosen(options);
  const origin = `yard up (process ${up.pid})`;
  const isPrefixOpen = options.origins.prefix === 'default';
  return {
    ...options,
    nats: up.url.split(','),
    prefix: isPrefixOpen ? up.prefix : options.prefix,
    origins: { ...options.origins, nats: origin, ...(isPrefixOpen ? { prefix: origin } : {}) },
  };
}

/** A chosen name that is none of ours is one of the `nats` command. */
function chosen(options: Options): Options {
  const name = chosenContext(process.env);
  if (name === undefined) return options;
  const own = readContextFile(process.env, name);
  if (own !== undefined) return withContext(options, own, false);
  return { ...options, context: name, origins: { ...options.origins, context: 'yard context use' } };
}
