/**
 * The face of the package `yardmaster`: submit jobs, watch them, work on them.
 *
 * @example
 * await using yard = await connect();
 * const job = await yard.submit('sleeper', { executionTimeMs: 500 });
 * for await (const { from, to } of job.watch()) console.log(from, '→', to);
 */

export type { Discrepancy } from '../cluster/audit.ts';
export type { Author } from '../cluster/audited.ts';
export type { Backup } from '../cluster/backup.ts';
export type { Bulk, BulkGiven, BulkOutcome, BulkRecord, BulkState } from '../cluster/bulk.ts';
export type {
  Advice,
  AuditReport,
  BrokersView,
  BrokerView,
  ClusterView,
  Demand,
  MasterView,
  SteppedDown,
  Why,
  WorkerView,
} from '../cluster/client.ts';
export type { DeadFilter, DeadGroup, RedriveOptions } from '../cluster/dead-letter.ts';
export type { EventFilter, EventOptions, JobEvent, JobEvents } from '../cluster/job-events.ts';
export type { TypeView } from '../cluster/job-types.ts';
export type {
  LimitChange,
  LimitSettings,
  LimitView,
  TenantChange,
  TenantSettings,
  TenantView,
} from '../cluster/limits.ts';
export type { Census, JobFilter } from '../cluster/listing.ts';
export type { LogFilter, LogOptions } from '../cluster/log-reader.ts';
export type { Expecting, QueueChange, QueueSettings, QueueView } from '../cluster/queues.ts';
export type { Restored } from '../cluster/restore.ts';
export type { ScheduleChange, ScheduledOptions, ScheduleGiven, When } from '../cluster/schedule-given.ts';
export type { AddedSchedule } from '../cluster/schedule-verb.ts';
export type { AfterGiven, Duration, Moment, SubmitOptions } from '../cluster/submit-options.ts';
export type { SessionMade, TokenBook, TokenGiven, TokenMade, TokenView } from '../cluster/tokens.ts';
export type { WaitOptions } from '../cluster/watch.ts';
export type { WebhookGiven, WebhookMade, WebhookView } from '../cluster/webhooks.ts';
export {
  type WorkflowGiven,
  type WorkflowJobOptions,
  type WorkflowNode,
  workflowOf,
} from '../cluster/workflow-given.ts';
export type { WorkflowFilter, WorkflowListing, WorkflowPage } from '../cluster/workflow-list.ts';
export type { SubmittedWorkflow, WorkflowOutcome } from '../cluster/workflow-verb.ts';
export type { WorkflowJob, WorkflowNodeView, WorkflowSummary, WorkflowView } from '../cluster/workflow-view.ts';
export type { Failure, JobState } from '../machines/job.ts';
export type { After, Need, When as AfterWhen } from '../machines/rules/after.ts';
export type { Backoff } from '../machines/rules/backoff.ts';
export type { Requirements } from '../machines/rules/capability.ts';
export type { Priority } from '../machines/rules/lanes.ts';
export type { Misfire } from '../machines/rules/misfire.ts';
export type { TokenScope } from '../machines/rules/token.ts';
export type { ScheduleState } from '../machines/schedule.ts';
export type { Verb } from '../runtime/bulk.ts';
export { Fault, type FaultCode } from '../runtime/faults.ts';
export {
  type FileBytes,
  type FileView,
  type JobDefaults,
  type JobDefinition,
  JobError,
  type JobFiles,
  type JobRun,
  type OpenFile,
  type Precursor,
  type ProgressReport,
} from '../runtime/handler.ts';
export type {
  AuditQuery,
  Durability,
  JobEventMessage,
  KeptAuditEntry,
  LogLine,
  Rejection,
  Stop,
  TermRecord,
  WorkerStatus,
} from '../runtime/ports.ts';
export type { AttemptEntry, JobRecord, Progress, Transition } from '../runtime/record.ts';
export type { Firing, Overlap, ScheduleRecord } from '../runtime/schedule.ts';
export type { WorkflowState } from '../runtime/workflow.ts';
export { type ConnectOptions, connect } from './connect.ts';
export { type DefinedJob, defineJob } from './define-job.ts';
export { Files } from './files.ts';
export { JobFailed } from './job-failed.ts';
export { JobHandle } from './job-handle.ts';
export { Limits } from './limits.ts';
export { Queues } from './queues.ts';
export { Schedules } from './schedules.ts';
export { Tenants } from './tenants.ts';
export { Tokens } from './tokens.ts';
export { Webhooks } from './webhooks.ts';
export { type Work, type WorkOptions, work } from './work.ts';
export { Workflows } from './workflows.ts';
export { type Submission, Yard } from './yard.ts';
