/**
 * One ffmpeg on one machine: found, and asked what it can do, at most once in the life of this object.
 *
 * What a build lists says nothing about what the machine can do (Debian's lists nvenc without any GPU), so an
 * encoder counts when a second of test picture went through it, and VMAF when a score came out.
 */

import type { Clock } from '../../runtime/clock.ts';
import { capture } from '../process/child.ts';
import { deviceVariables } from '../process/devices.ts';
import { findFfmpeg } from './binary.ts';
import { type Encoder, encoders } from './encoder.ts';

export interface FfmpegOptions {
  clock: Clock;
  /** A path or a name; else PATH, else the package. */
  ffmpeg?: string;
  /** A VMAF model file, for builds that bring none. */
  vmafModel?: string;
}

/** How it is asked. */
interface Asked {
  signal?: AbortSignal;
  timeoutMs?: number;
  env?: NodeJS.ProcessEnv;
}

export class Ffmpeg {
  readonly #options: FfmpegOptions;
  readonly #tried = new Map<string, Promise<boolean>>();
  #path: Promise<string> | undefined;
  #vmaf: Promise<string | undefined> | undefined;

  constructor(options: FfmpegOptions) {
    this.#options = options;
  }

  /** @throws Fault `tool.missing`. */
  path(): Promise<string> {
    const { ffmpeg } = this.#options;
    this.#path ??= findFfmpeg(ffmpeg === undefined ? {} : { ffmpeg });
    return this.#path;
  }

  /** Runs ffmpeg quietly to its end and gives what it wrote. */
  async ask(args: readonly string[], options: Asked = {}) {
    const command = await this.path();
    return capture({ clock: this.#options.clock, command, args: ['-nostdin', '-hide_banner', ...args], ...options });
  }

  /** Whether the encoder works here, or with these GPUs alone. */
  works(encoder: Encoder, devices?: readonly string[]): Promise<boolean> {
    const what = devices === undefined ? encoder.name : `${encoder.name} on ${devices.join()}`;
    const known = this.#tried.get(what) ?? this.#try(encoder, devices);
    this.#tried.set(what, known);
    return known;
  }

  /** The filter that computes VMAF here, or `undefined` where this ffmpeg has no libvmaf or no model for it. */
  vmaf(): Promise<string | undefined> {
    this.#vmaf ??= this.#tryVmaf();
    return this.#vmaf;
  }

  async #try(encoder: Encoder, devices: readonly string[] | undefined): Promise<boolean> {
    const picture = ['-f', 'lavfi', '-i', 'testsrc2=size=256x144:rate=4:duration=1'];
    const encode = ['-vf', encoder.format, '-c:v', encoder.name, ...encoder.always, ...fastest(encoder)];
    const args = ['-v', 'error', ...encoder.device, ...picture, ...encode, '-f', 'null', '-'];
    const env = { ...process.env, ...deviceVariables(devices) };
    return (await this.ask(args, { timeoutMs: 20_000, env })).exitCode === 0;
  }

  async #tryVmaf(): Promise<string | undefined> {
    const model = this.#options.vmafModel;
    const ways = model === undefined ? ['libvmaf'] : [`libvmaf=model_path=${model}`, `libvmaf=model=path=${model}`];
    for (const way of ways) if (await this.#scores(way)) return way;
    return undefined;
  }

  async #scores(filter: string): Promise<boolean> {
    const picture = ['-f', 'lavfi', '-i', 'testsrc2=size=256x144:rate=10:duration=0.5'];
    const args = [...picture, ...picture, '-lavfi', `[0:v][1:v]${filter}`, '-f', 'null', '-'];
    const { exitCode, stderr } = await this.ask(args, { timeoutMs: 20_000 });
    return exitCode === 0 && vmafScore(stderr) !== undefined;
  }
}

/** The score that libvmaf printed, 0 to 100. */
export function vmafScore(stderr: string): number | undefined {
  const found = /VMAF score\s*[:=]\s*([\d.]+)/.exec(stderr)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Which encoders to try; all where nothing is said. */
export interface Which {
  candidates?: readonly Encoder[];
  /** The GPUs that are to be seen. */
  devices?: readonly string[];
}

const atOnce = 2;

/** Those of `candidates` that work with this ffmpeg, in their order; a few are tried at a time. */
export async function probeEncoders(
  ffmpeg: Ffmpeg,
  { candidates = encoders, devices }: Which = {},
): Promise<readonly Encoder[]> {
  const open = candidates.values();
  const works = new Set<Encoder>();
  const lane = async () => {
    for (const encoder of open) if (await ffmpeg.works(encoder, devices)) works.add(encoder);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return candidates.filter((encoder) => works.has(encoder));
}

function fastest(encoder: Encoder): readonly string[] {
  if (encoder.presets.length === 0 || encoder.hardware) return [];
  const first = encoder.presets.includes('ultrafast') ? 'ultrafast' : encoder.presets.at(-1);
  return first === undefined ? [] : encoder.preset(first);
}
