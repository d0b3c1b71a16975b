/**
 * Starts a worker: measures what this machine has, adds what its operator declares, and takes jobs.
 */

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Committer } from '../actors/committer.ts';
import { Worker } from '../actors/worker.ts';
import { Ffmpeg } from '../handlers/ffmpeg/tool.ts';
import { type Inventory, measure } from '../handlers/inventory.ts';
import { servedTypes } from '../handlers/shipped.ts';
import type { TranscodeResult } from '../handlers/transcode/result.ts';
import type { Capacity } from '../machines/rules/capability.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault, messageOf } from '../runtime/faults.ts';
import { type JobDefinition, typePattern } from '../runtime/handler.ts';
import type { Options } from '../runtime/options.ts';
import type { Control } from '../runtime/ports.ts';
import type { Sample } from '../runtime/telemetry/sample.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { type Advertised, parseAdvertised } from './advertise.ts';
import { DiskGauge } from './disk-gauge.ts';
import { watchGpus } from './gpu-watch.ts';
import { type Link, link } from './link.ts';
import { loadMeter } from './load.ts';
import { nameOf } from './master.ts';
import { version } from './version.ts';

/** A worker in this process. */
export interface RunningWorker {
  /** Under which it takes jobs now: another one after each time that it was taken for lost. */
  readonly incarnation: string;
  /** What stands here now, for whoever measures. */
  samples(): readonly Sample[];
  /** Takes nothing more and resolves when it is gone; called again, hands back at once what still runs. */
  drain(): Promise<void>;
}

export interface WorkerStart {
  options: Options;
  telemetry: Telemetry;
  /** Job types of the caller's own, beside those of `options.handlers` and those that ship. */
  definitions?: readonly JobDefinition[];
  /** Where this process serves its metrics. */
  metrics?: string | undefined;
}

/** @throws {Fault} where the broker cannot be reached, or an option or a handler file is not what was expected. */
export async function startWorker({
  options,
  telemetry,
  definitions = [],
  metrics,
}: WorkerStart): Promise<RunningWorker> {
  const own = [...definitions, ...(await fromFile(options.handlers))];
  const advertised = parseAdvertised(options.advertise);
  const to = await link({ settings: options, telemetry, role: 'yard worker', withFeed: false });
  try {
    return await startOver(to, { options, telemetry, definitions: own, advertised, metrics });
  } catch (cause) {
    await to[Symbol.asyncDispose]();
    throw cause;
  }
}

type Prepared = WorkerStart & { definitions: readonly JobDefinition[]; advertised: Advertised };

async function startOver(
  to: Link,
  { options, telemetry, definitions, advertised, metrics }: Prepared,
): Promise<RunningWorker> {
  const { clock, world } = to;
  const ffmpeg = new Ffmpeg({ clock, ...(options.ffmpeg === undefined ? {} : { ffmpeg: options.ffmpeg }) });
  const served = pickTypes(
    [...definitions, ...shipped({ clock, ffmpeg, options, telemetry, control: world.control })],
    options.types,
  );
  const measured = await measure({ clock, ffmpeg, encoders: served.some(({ type }) => type === 'transcode') });
  const disk = await DiskGauge.open({ folder: options.outputRoot, clock });
  const { capacity: declared } = advertised;
  const committer = new Committer({ store: world.store, clock, telemetry });
  const gpus = measured.gpus.length > 0 ? watchGpus({ clock }) : undefined;
  const worker = new Worker({
    world,
    clock,
    telemetry,
    commit: committer.commit,
    definitions: served,
    typeDefaults: { maxAttempts: options.maxAttempts, staleAfterMs: options.staleAfter },
    identity: {
      incarnation: to.incarnation,
      name: nameOf(to, options),
      host: to.host,
      pid: process.pid,
      version,
      capacity: capacityOf({
        options,
        measured,
        advertised: declared,
        served,
      }),
      declared: advertised.declared,
      startedAt: clock.now(),
      ...(metrics === undefined ? {} : { metrics }),
    },
    load: loadMeter({ clock, gpuPercent: () => gpus?.busyPercent() }),
    ...(declared.gpu === undefined ? { gpus: measured.gpus } : {}),
    diskMb: () => declared.diskMb ?? disk.freeMb,
    accuracy: clock,
    cancelGraceMs: options.cancelGrace,
    drainDeadlineMs: options.drainDeadline,
    pulseEveryMs: options.pulse,
  });
  await worker.start();
  const leave = async () => {
    gpus?.stop();
    await worker.drain();
    committer.close();
    await to[Symbol.asyncDispose]();
  };
  let leaving: Promise<void> | undefined;
  return {
    get incarnation() {
      return worker.incarnation;
    },
    samples: () => gpus?.samples() ?? [],
    drain: () => {
      if (leaving !== undefined) worker.handBackNow();
      leaving ??= leave();
      return leaving;
    },
  };
}

interface Shipped {
  control: Control;
  clock: Clock;
  ffmpeg: Ffmpeg;
  options: Options;
  telemetry: Telemetry;
}

function shipped({ clock, ffmpeg, options, telemetry, control }: Shipped): readonly JobDefinition[] {
  const { inputRoots, outputRoot, wattsPerCore, scriptAllow } = options;
  const protocols = (['file', 'http', 'https'] as const).filter((protocol) => options.protocols.includes(protocol));
  return servedTypes({
    clock,
    transcode: {
      ffmpeg,
      inputRoots,
      outputRoot,
      protocols,
      wattsPerCore,
      onDone: (result) => telemetry.tell('transcode.done', transcodeFacts(result)),
    },
    script: { allow: scriptAllow },
    webhook: {
      read: (id) => control.webhooks.of(id),
      end: async (id) => void (await control.webhooks.change(id, (set) => ({ ...set, endedAt: clock.now() }))),
      isPrivateAllowed: options.webhookPrivate,
    },
  });
}

/** What its metrics see of a transcode; what was not measured stays absent. */
function transcodeFacts({ encoder, fps, speed, energy, quality, qoeEfficiency }: TranscodeResult) {
  const { vmaf, ssim } = quality;
  return {
    ...{ encoder, fps, speed, vmaf, ssim },
    source: energy?.source ?? 'none',
    joules: energy?.joules,
    efficiency: qoeEfficiency,
  };
}

/** Those that were asked for, all where none was named; of two with one name the first. */
function pickTypes(definitions: readonly JobDefinition[], wanted: readonly string[]): readonly JobDefinition[] {
  const byType = new Map(definitions.toReversed().map((definition) => [definition.type, definition]));
  const unknown = wanted.find((type) => !byType.has(type));
  if (unknown !== undefined)
    throw new Fault(
      'option.invalid',
      `Expected \`types\` that this worker has handlers for (${[...byType.keys()].sort().join(', ')}), got \`${unknown}\`. Correct the name, or give its handler with \`--handlers FILE\`.`,
    );
  return wanted.length === 0 ? [...byType.values()] : [...byType.values()].filter(({ type }) => wanted.includes(type));
}

/** What a file of handlers exports: every export that `defineJob` made, and those in exported arrays. */
async function fromFile(path: string | undefined): Promise<readonly JobDefinition[]> {
  if (path === undefined) return [];
  let exported: Record<string, unknown>;
  try {
    exported = await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    throw new Fault(
      'option.invalid',
      `Expected \`handlers\` to be a file that can be imported, got ${path}: ${messageOf(cause)}. Correct the path or the file.`,
      { cause },
    );
  }
  const found = Object.values(exported).flat().filter(isDefinition);
  if (found.length === 0)
    throw new Fault(
      'option.invalid',
      `Expected ${path} to export job types made by \`defineJob\`, found none. Write \`export const mine = defineJob({…})\`.`,
    );
  return found;
}

function isDefinition(value: unknown): value is JobDefinition {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    typeof value.type === 'string' &&
    typePattern.test(value.type) &&
    'payload' in value &&
    'run' in value &&
    typeof value.run === 'function'
  );
}

interface CapacityParts {
  options: Options;
  measured: Inventory;
  advertised: Partial<Capacity>;
  served: readonly JobDefinition[];
}

function capacityOf({ options, measured, advertised, served }: CapacityParts): Capacity {
  const { gpu, vramMb, vramsMb, vendor, encoders, memoryMb, kinds } = measured;
  const { gpu: declared, vramMb: memory, vendor: maker, encoders: able } = advertised;
  const isMeasured = declared === undefined && memory === undefined;
  const isWhole = isMeasured && maker === undefined && able === undefined;
  const labels = { ...options.labels, ...advertised.labels };
  return {
    slots: options.concurrency,
    types: served.map(({ type }) => type),
    versions: Object.fromEntries(
      served.flatMap(({ type, version }) => (version === undefined ? [] : [[type, version]])),
    ),
    gpu,
    vramMb,
    ...(vramsMb !== undefined && isMeasured ? { vramsMb } : {}),
    ...(kinds !== undefined && isWhole ? { gpus: kinds } : {}),
    encoders,
    memoryMb,
    ...(vendor === undefined || advertised.gpus !== undefined ? {} : { vendor }),
    ...advertised,
    labels,
  };
}
