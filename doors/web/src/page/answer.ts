/**
 * What the API answers, in the shapes of the face.
 */

import type { BrokersView, ClusterView, JobRecord, MasterView, QueueView, WorkerView } from '../../../../sdk/index.ts';

export type ClusterAnswer = ClusterView;
export type BrokersAnswer = BrokersView;

export interface MastersAnswer {
  masters: readonly MasterView[];
}

export interface WorkersAnswer {
  workers: readonly WorkerView[];
}

export interface QueuesAnswer {
  queues: readonly QueueView[];
}

export interface JobsAnswer {
  jobs: readonly JobRecord[];
  /** Where the next page begins. */
  next?: string;
  view?: { behindBy: number; behindMs: number };
}

export interface LanesAnswer {
  lanes: readonly { state: string; queue: string; priority: string; jobs: number }[];
}
