/**
 * What a lock file leaves out, and what belongs there.
 *
 * A registry that does not carry a package for some other platform makes `npm install` drop it from the lock file
 * without a word, and then `npm ci` refuses the lock file as out of step, on every platform. Such a package is an
 * optional dependency of exact version whose name tells its platform, so its entry can be written without asking.
 */

import { z } from 'zod';

const entry = z.looseObject({
  version: z.string().optional(),
  dev: z.boolean().optional(),
  resolved: z.string().optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});
export const lockFile = z.looseObject({ packages: z.record(z.string(), entry) });
export type LockFile = z.infer<typeof lockFile>;

/** An optional dependency that has no entry of its own. */
export interface Gap {
  name: string;
  version: string;
  /** Whether only development needs it. */
  dev: boolean;
}

/** Every optional dependency of a locked package that is not locked itself. */
export function gapsOf(lock: LockFile): readonly Gap[] {
  return Object.entries(lock.packages).flatMap(([path, { dev = false, optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !isLocked(lock, path, name))
      .map(([name, version]) => ({ name, version, dev })),
  );
}

/** Node's way: beside the package that asks, else beside one that it lies in, up to the root. */
function isLocked(lock: LockFile, path: string, name: string): boolean {
  const here = path === '' ? `node_modules/${name}` : `${path}/node_modules/${name}`;
  if (here in lock.packages) return true;
  if (path === '') return false;
  return isLocked(lock, path.slice(0, Math.max(0, path.lastIndexOf('/node_modules/'))), name);
}

/** The lock file without gaps, its packages in order. */
export function filled(lock: LockFile): LockFile {
  const added = gapsOf(lock).map((gap) => [`node_modules/${gap.name}`, entryOf(gap)] as const);
  const packages = [...Object.entries(lock.packages), ...added].sort(([a], [b]) => a.localeCompare(b, 'en'));
  return { ...lock, packages: Object.fromEntries(packages) };
}

const libcs: Readonly<Record<string, string>> = { gnu: 'glibc', gnueabihf: 'glibc', musl: 'musl', musleabihf: 'musl' };
const platform =
  /-(android|darwin|freebsd|linux|openharmony|win32)-(arm|arm64|ia32|ppc64|riscv64|s390x|x64)(?:-(\w+))?$/;

function entryOf({ name, version, dev }: Gap): LockFile['packages'][string] {
  const [, os, cpu, abi = ''] = platform.exec(name) ?? [];
  if (os === undefined || cpu === undefined || !/^\d+\.\d+\.\d+/.test(version))
    throw new Error(`Expected a platform in the name and an exact version, got ${name} ${version}. Lock it by hand.`);
  const libc = libcs[abi];
  return {
    version,
    cpu: [cpu],
    ...(dev ? { dev } : {}),
    ...(libc === undefined ? {} : { libc: [libc] }),
    optional: true,
    os: [os],
  };
}
