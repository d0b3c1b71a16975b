/**
 * The face of the package `yardmaster`: submit jobs, watch them, work on them.
 *
 * @example
 * await using yard = await connect();
 * const job = await yard.submit('sleeper', { executionTimeMs: 500 });
 * for await (const { from, to } of job.watch()) console.log(from, '→', to);
 */

export type { Discrepancy } from '../cluster/audit.ts';
export type { Backup } from '../cluster/backup.ts';
export type {
  AuditReport,
  BrokersView,
  BrokerView,
  ClusterView,
  MasterView,
  SteppedDown,
  Why,
  WorkerView,
} from '../cluster/client.ts';
export type { Census, JobFilter } from '../cluster/listing.ts';
export type { Restored } from '../cluster/restore.ts';
export type { Duration, Moment, SubmitOptions } from '../cluster/submit-options.ts';
export type { WaitOptions } from '../cluster/watch.ts';
export type { Failure, JobState } from '../machines/job.ts';
export type { Backoff } from '../machines/rules/backoff.ts';
export type { Requirements } from '../machines/rules/capability.ts';
export type { Priority } from '../machines/rules/lanes.ts';
export { Fault, type FaultCode } from '../runtime/faults.ts';
export {
  type JobDefaults,
  type JobDefinition,
  JobError,
  type JobRun,
  type ProgressReport,
} from '../runtime/handler.ts';
export type { Durability, JobEventMessage, LogLine, Rejection, Stop, WorkerStatus } from '../runtime/ports.ts';
export type { AttemptEntry, JobRecord, Progress, Transition } from '../runtime/record.ts';
export { type ConnectOptions, connect } from './connect.ts';
export { type DefinedJob, defineJob } from './define-job.ts';
export { JobFailed } from './job-failed.ts';
export { JobHandle } from './job-handle.ts';
export { type Work, type WorkOptions, work } from './work.ts';
export { type Submission, Yard } from './yard.ts';
