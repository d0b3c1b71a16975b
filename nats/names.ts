/**
 * Every name on the wire: streams, buckets, subjects, consumers and the keys that are no jobs.
 *
 * Knows how they are built from the prefix and read back; leaves their settings to `topology.ts`. Promises that
 * two prefixes never share a stream, a bucket or a subject: the prefix is the whole first token of every subject,
 * and no last part of a name contains the `_` that joins it to the prefix.
 */

import { Fault } from '../runtime/faults.ts';

/** The lease, in the bucket of jobs. */
export const leaderKey = '_leader';

/** Where the picture of all open jobs was saved, in the bucket of jobs. */
export const pictureKey = '_picture';

/** The prefix of a cluster that was not given another one. */
const defaultPrefix = 'yard';

const prefixPattern = /^[a-z][a-z0-9_]{0,30}$/;
const tokenPattern = /^[^\s.*>\p{Cc}]+$/u;

/** The tenant of a submission that names none. */
const defaultTenant = 'default';

export interface Names {
  readonly prefix: string;

  /** Streams. The last three are those of the buckets and of the object store. */
  readonly streams: Readonly<
    Record<'submit' | 'work' | 'logs' | 'rejected' | 'audit' | 'jobs' | 'control' | 'blobs', string>
  >;
  readonly buckets: Readonly<Record<'jobs' | 'control', string>>;
  /** The object store for what is too large for a record. */
  readonly blobs: string;
  /** Durable consumers: of `streams.submit`, how the name begins of each master's; of `streams.work`, each opening of each worker's mail. */
  readonly consumers: { readonly intake: string; worker(incarnation: string, opening: string): string };

  /** `$KV.yard_jobs.<key>`: where the record under `key` is written. */
  jobSubject(key: string): string;
  /** `$KV.yard_jobs.>` */
  readonly allJobs: string;
  /** `yard.feed.>`: where the broker republishes what is written into the bucket of jobs, without bodies. */
  readonly feed: string;
  /** The key of a job subject or of a feed subject; `undefined` for any other. */
  keyOfSubject(subject: string): string | undefined;
  /** `$KV.yard_control.<key>` */
  controlSubject(key: string): string;
  /** `yard.control.<key>`: where the broker republishes what is written into the control bucket. */
  controlNews(key: string): string;

  /** `$O.yard_blobs.C.<part>`: the chunks of what is kept in the object store, in order. */
  blobChunks(part: string): string;
  /** `$O.yard_blobs.M.<name>`: what is said of the object with this name, which stands there in base64. */
  blobInfo(name: string): string;
  /** What is said of all objects. */
  readonly allBlobInfos: string;
  /** The chunks of all objects. */
  readonly allBlobChunks: string;
  /** What `streams.blobs` captures. */
  readonly allBlobs: readonly [string, string];

  /** `yard.submit.<type>`, for the tenant `default`. */
  submit(type: string): string;
  /** `yard.tenant.<tenant>.submit.<type>` */
  tenantSubmit(tenant: string, type: string): string;
  /** What `streams.submit` captures: `yard.submit.>` and `yard.tenant.*.submit.>`, so that no misspelt subject vanishes. */
  readonly allSubmissions: readonly [string, string];
  /** Tenant and type of a submission's subject, all that stands behind `submit`; `undefined` for any other subject. */
  readSubmit(subject: string): { tenant: string; type: string } | undefined;
  /** The subject from which `readSubmit` reads this, whatever somebody wrote as a type. */
  resubmit(to: { tenant: string; type: string }): string;
  /** `yard.rejected` */
  readonly rejected: string;
  /** `yard.ack.<ref>`, and of another tenant `yard.tenant.<tenant>.ack.<ref>`; a ref `<client>/<ref>` is two parts of it. */
  ack(ref: string, tenant?: string): string;

  /** `yard.work.<incarnation>`: mail for a worker. */
  work(incarnation: string): string;
  readonly allWork: string;
  /** `yard.pulse.<incarnation>` */
  pulse(incarnation: string): string;
  readonly allPulses: string;
  /** `yard.worker.<incarnation>.<verb>`; verb `*` is every verb. */
  notice(incarnation: string, verb: string): string;

  /** `yard.event.<tenant>.<type>.<state>.<id>` */
  event(event: { tenant: string; type: string; state: string; id: string }): string;
  /** Where events are heard: those of the job under `key`, or all. */
  eventsOf(key?: string): string;
  /** `yard.progress.<tenant>.<id>`, for the job under `key`. */
  progress(key: string): string;
  readonly allProgress: string;
  /** The key of a progress subject. */
  keyOfProgress(subject: string): string;
  /** `yard.log.<tenant>.<id>`, for the job under `key`. */
  log(key: string): string;
  readonly allLogs: string;

  /** `yard.audit.<tenant>`: what people did, as far as it is about that tenant. */
  auditEntry(tenant: string): string;
  readonly allAuditEntries: string;

  /** `yard.api.desk.<question>` */
  desk(question: string): string;
}

/**
 * The names of the cluster with this prefix.
 *
 * @throws {Fault} `option.invalid` where the prefix cannot be the first part of all names.
 * @example names('yard').submit('transcode') // 'yard.submit.transcode'
 */
export function names(prefix: string = defaultPrefix): Names {
  if (!prefixPattern.test(prefix))
    throw new Fault(
      'option.invalid',
      `Expected a prefix of a lower-case letter and up to 30 of \`a-z\`, \`0-9\` and \`_\`, got \`${prefix}\`. Choose another prefix.`,
    );
  const jobs = `$KV.${prefix}_jobs.`;
  const feed = `${prefix}.feed.`;
  const progress = `${prefix}.progress.`;
  const blobs = `$O.${prefix}_blobs.`;
  return {
    prefix,
    streams: streamsOf(prefix),
    buckets: { jobs: `${prefix}_jobs`, control: `${prefix}_control` },
    blobs: `${prefix}_blobs`,
    consumers: { intake: 'intake', worker: (incarnation, opening) => `worker_${incarnation}_${opening}` },

    jobSubject: (key) => jobs + key,
    allJobs: `${jobs}>`,
    feed: `${feed}>`,
    keyOfSubject: (subject) => rest(subject, jobs) ?? rest(subject, feed),
    controlSubject: (key) => `$KV.${prefix}_control.${key}`,
    controlNews: (key) => `${prefix}.control.${key}`,

    blobChunks: (part) => `${blobs}C.${part}`,
    blobInfo: (name) => `${blobs}M.${Buffer.from(name).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`,
    allBlobInfos: `${blobs}M.>`,
    allBlobChunks: `${blobs}C.>`,
    allBlobs: [`${blobs}C.>`, `${blobs}M.>`],

    submit: (type) => `${prefix}.submit.${token(type, 'a job type')}`,
    tenantSubmit: (tenant, type) => `${prefix}.tenant.${token(tenant, 'a tenant')}.submit.${token(type, 'a job type')}`,
    allSubmissions: [`${prefix}.submit.>`, `${prefix}.tenant.*.submit.>`],
    readSubmit: (subject) => readSubmit(prefix, subject),
    resubmit: ({ tenant, type }) =>
      tenant === defaultTenant ? `${prefix}.submit.${type}` : `${prefix}.tenant.${tenant}.submit.${type}`,
    rejected: `${prefix}.rejected`,
    ack: (ref, tenant = defaultTenant) => ackOf(prefix, ref, tenant),

    work: (incarnation) => `${prefix}.work.${incarnation}`,
    allWork: `${prefix}.work.*`,
    pulse: (incarnation) => `${prefix}.pulse.${incarnation}`,
    allPulses: `${prefix}.pulse.*`,
    notice: (incarnation, verb) => `${prefix}.worker.${incarnation}.${verb}`,

    event: ({ tenant, type, state, id }) => `${prefix}.event.${tenant}.${type}.${state}.${id}`,
    eventsOf: (key) => eventsOf(prefix, key),
    progress: (key) => progress + key,
    allProgress: `${progress}*.*`,
    keyOfProgress: (subject) => subject.slice(progress.length),
    log: (key) => `${prefix}.log.${key}`,
    allLogs: `${prefix}.log.*.*`,

    auditEntry: (tenant) => `${prefix}.audit.${token(tenant, 'a tenant')}`,
    allAuditEntries: `${prefix}.audit.*`,

    desk: (question) => `${prefix}.api.desk.${token(question, 'a question')}`,
  };
}

function streamsOf(prefix: string): Names['streams'] {
  return {
    submit: `${prefix}_submit`,
    work: `${prefix}_work`,
    logs: `${prefix}_logs`,
    rejected: `${prefix}_rejected`,
    audit: `${prefix}_audit`,
    jobs: `KV_${prefix}_jobs`,
    control: `KV_${prefix}_control`,
    blobs: `OBJ_${prefix}_blobs`,
  };
}

/** Tenant and id of a job's key. */
export function readKey(key: string): { tenant: string; id: string } {
  const dot = key.indexOf('.');
  return { tenant: key.slice(0, dot), id: key.slice(dot + 1) };
}

function eventsOf(prefix: string, key: string | undefined): string {
  if (key === undefined) return `${prefix}.event.>`;
  const { tenant, id } = readKey(key);
  return `${prefix}.event.${tenant}.*.*.${id}`;
}

function ackOf(prefix: string, ref: string, tenant: string): string {
  const parts = ref.split('/').map((part) => token(part, 'a reference'));
  const whose = tenant === defaultTenant ? '' : `tenant.${token(tenant, 'a tenant')}.`;
  return `${prefix}.${whose}ack.${parts.join('.')}`;
}

function readSubmit(prefix: string, subject: string): { tenant: string; type: string } | undefined {
  const [first, verb, ...more] = subject.split('.');
  if (first !== prefix) return undefined;
  if (verb === 'submit' && more.length > 0) return { tenant: defaultTenant, type: more.join('.') };
  const [tenant, then, ...type] = more;
  if (verb === 'tenant' && tenant !== undefined && then === 'submit' && type.length > 0)
    return { tenant, type: type.join('.') };
  return undefined;
}

function rest(subject: string, start: string): string | undefined {
  return subject.startsWith(start) ? subject.slice(start.length) : undefined;
}

function token(text: string, what: string): string {
  if (tokenPattern.test(text)) return text;
  throw new Fault(
    'input.invalid',
    `Expected ${what} without spaces, \`.\`, \`*\` and \`>\`, got \`${text}\`. Choose another name.`,
  );
}
