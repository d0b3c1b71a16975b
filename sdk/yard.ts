/**
 * What can be asked of a cluster: the verbs of the face, with their promises. `connect.ts` keeps them.
 */

import type { ClusterView, WorkerView } from '../actors/desk.ts';
import type { Why } from '../actors/why.ts';
import type { LogLine, Rejection } from '../runtime/ports.ts';
import type { JobRecord, Transition } from '../runtime/record.ts';

export interface Yard extends AsyncDisposable {
  job(id: string): Promise<JobRecord | undefined>;
}

export type { ClusterView, JobRecord, LogLine, Rejection, Transition, Why, WorkerView };
