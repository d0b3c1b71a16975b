/**
 * What the API answers, in the shapes of the face.
 */

import type {
  BrokersView,
  ClusterView,
  MasterView,
  QueueView,
  ScheduleRecord,
  TermRecord,
  TypeView,
  WorkerView,
  Yard,
} from '../../../../sdk/index.ts';

export type ClusterAnswer = ClusterView;
export type BrokersAnswer = BrokersView;

export interface MastersAnswer {
  masters: readonly MasterView[];
}

export interface TermsAnswer {
  terms: readonly TermRecord[];
}

export interface WorkersAnswer {
  workers: readonly WorkerView[];
}

export interface SchedulesAnswer {
  schedules: readonly ScheduleRecord[];
}

export interface TypesAnswer {
  types: readonly TypeView[];
}

export interface QueuesAnswer {
  queues: readonly QueueView[];
}

/** `next` is where the next page begins. */
export type JobsAnswer = Awaited<ReturnType<Yard['jobPage']>>;

export type LanesAnswer = Awaited<ReturnType<Yard['lanes']>>;

/** All jobs that there are. */
export interface StatsAnswer {
  total: number;
  byState: Readonly<Record<string, number>>;
}
