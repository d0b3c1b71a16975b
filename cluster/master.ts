/**
 * Starts a master: links it to the broker and hands it the world.
 */

import { tellFullness } from '../actors/fullness.ts';
import { Master } from '../actors/master.ts';
import type { MasterSettings } from '../actors/reign.ts';
import { shippedTypes } from '../handlers/shipped.ts';
import type { MicroReply, MicroRequest, MicroService } from '../nats/micro.ts';
import type { Options } from '../runtime/options.ts';
import type { CompatSample } from '../runtime/telemetry/compat.ts';
import type { Sample } from '../runtime/telemetry/sample.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { tellStuck } from './broker-health.ts';
import { DeadCount } from './dead-count.ts';
import { type Link, link } from './link.ts';
import type { MasterView } from './masters.ts';
import { countSettled, masterSamples, otherNames } from './measure.ts';
import { version } from './version.ts';
import { ViewThread, viewAskOf } from './view.ts';

export type { MicroReply, MicroRequest, MicroService };

/** A master in this process. `stop` gives the lease up, where it has it. */
export interface RunningMaster {
  readonly incarnation: string;
  /** What stands here now, for whoever measures. */
  samples(): readonly (Sample | CompatSample)[];
  /** Answers requests over the broker until this master stops. */
  serve(service: MicroService): Promise<unknown>;
  stop(): Promise<void>;
}

/**
 * @throws {Fault} where the broker cannot be reached or has other streams than ours under the same names, or jobs are in
 * states that this version does not have.
 */
export async function startMaster({
  options,
  telemetry,
  http,
  metrics,
}: {
  options: Options;
  telemetry: Telemetry;
  /** Where this process serves HTTP. */
  http?: string | undefined;
  /** Where it serves its metrics. */
  metrics?: string | undefined;
}): Promise<RunningMaster> {
  const to = await link({ settings: options, telemetry, role: 'yard master', withFeed: true, promise: options });
  const master = new Master({
    world: to.world,
    clock: to.clock,
    accuracy: to.clock,
    telemetry,
    incarnation: to.incarnation,
    name: nameOf(to, options),
    definitions: shippedTypes({ clock: to.clock }),
    settings: { ...masterSettings(options), durability: to.durability },
  });
  const settled = options.metricsCompat || options.httpCompat ? countSettled(telemetry) : undefined;
  const watches = [
    tellFullness({ store: to.world.store, clock: to.clock, telemetry }),
    tellStuck({ monitoring: options.natsMonitoring, clock: to.clock, telemetry }),
  ];
  const thread = new ViewThread({ settings: options, telemetry, clock: to.clock });
  const dead = new DeadCount({
    view: thread,
    clock: to.clock,
    isLeader: () => master.standing().leads,
    isWanted: options.metricsCompat || options.httpCompat,
  });
  const stop = async () => {
    for (const cancel of watches) cancel();
    dead.stop();
    await thread.stop();
    await master.stop();
    await to[Symbol.asyncDispose]();
  };
  const startedAt = to.clock.now();
  const view = (): MasterView => ({
    ...master.standing(),
    host: to.host,
    pid: process.pid,
    version,
    startedAt,
    ...(http === undefined ? {} : { http }),
    ...(metrics === undefined ? {} : { metrics }),
    clock: { skewMs: Math.round(to.clock.skew()), uncertaintyMs: Math.round(10 * to.clock.uncertainty()) / 10 },
  });
  try {
    await to.world.desk.answer('masters', view);
    await to.world.desk.answer('view', (ask) => {
      const asked = viewAskOf(ask);
      return asked === undefined ? undefined : thread.answer(asked);
    });
    await master.start();
  } catch (cause) {
    await stop();
    throw cause;
  }
  return {
    incarnation: to.incarnation,
    samples: () => {
      const outlook = master.outlook();
      const known = masterSamples({ view: view(), viewLagMs: thread.lagMs(), outlook, dead: dead.lanes });
      if (outlook === undefined || settled === undefined) return known;
      return [...known, ...otherNames(outlook, { settled, dead: dead.lanes })];
    },
    serve: to.world.serve,
    stop,
  };
}

/** The name that was given, or host and process. */
export function nameOf({ host }: Link, options: Options): string {
  return options.name ?? `${host}:${process.pid}`;
}

/** What the options say of how a master leads. */
export function masterSettings(options: Options): MasterSettings {
  const { queues, schedulerInterval, leaderSilence, offerFor, lostAfter, cancelGrace, gpuSpillOver, lookAhead } =
    options;
  return {
    queues,
    keepAtMost: options.retentionCount,
    schedulerIntervalMs: schedulerInterval,
    leaderSilenceMs: leaderSilence,
    offerForMs: offerFor,
    lostAfterMs: lostAfter,
    cancelGraceMs: cancelGrace,
    gpuSpillOver,
    ...(typeof lookAhead === 'number' ? { lookAhead } : {}),
  };
}
