/**
 * Every event that a process tells of itself, as data: its facts, how loud it is, and its one line for people.
 *
 * The types of `telemetry.tell`, the log lines, the metrics and `docs/telemetry.md` come from here. These are
 * events of processes; what happens to a job is a transition in its record and travels by the `Events` port.
 */

/** What a fact may be. `counts` are numbers by name, such as `{ available: 2, busy: 1 }`. */
interface FactTypes {
  text: string;
  number: number;
  ms: number;
  /** A number, where it could be had. */
  maybe: number | undefined;
  counts: Readonly<Record<string, number>>;
  /** The id of the trace of a job, which few have: the teller may leave it out. */
  trace: string | undefined;
}

export type FactKind = keyof FactTypes;

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** What is to be known of an event. */
export interface EventSpec {
  readonly level: Level;
  /** The level where all of the facts `whenZero` are 0. */
  readonly quiet?: { readonly level: Level; readonly whenZero: readonly string[] };
  /** The line, with facts in braces. */
  readonly line: string;
  readonly facts: Readonly<Record<string, FactKind>>;
  readonly help: string;
}

const attempt = { key: 'text', attempt: 'number', trace: 'trace' } as const;
const worker = { incarnation: 'text', name: 'text' } as const;

export const events = {
  'leader.elected': {
    level: 'info',
    line: '{name} leads, term {term}',
    facts: { name: 'text', term: 'number' },
    help: 'This master has won the lease and its picture is complete.',
  },
  'leader.deposed': {
    level: 'warn',
    line: 'no longer leader: {reason}',
    facts: { reason: 'text' },
    help: 'The lease of this master was moved on by another, or it can no longer tell.',
  },
  'leader.steppedDown': {
    level: 'info',
    line: 'gave the lease back, term {term}: {reason}',
    facts: { term: 'number', reason: 'text' },
    help: 'This master has given the lease back in an orderly way; the next one leads at once.',
  },
  'master.unfit': {
    level: 'warn',
    line: 'may not lead now: {reason}',
    facts: { reason: 'text' },
    help: 'This master does not stand for election, and gives the lease up if this lasts.',
  },
  'master.fit': {
    level: 'info',
    line: 'may lead again',
    facts: {},
    help: 'What kept this master from standing for election is over.',
  },
  'clock.skewed': {
    level: 'warn',
    line: "this machine's clock is {skewMs} ms ahead of the broker's, measured within {uncertaintyMs} ms",
    facts: { skewMs: 'ms', uncertaintyMs: 'ms' },
    help: 'The clock of this machine is more than a second off, or has moved by so much since it was last told. Nothing is decided by it.',
  },
  'queue.set': {
    level: 'info',
    line: 'queue {queue} is now {set}',
    facts: { queue: 'text', set: 'text' },
    help: 'A person has set something for a queue, and this master goes by it from now on.',
  },
  'limit.set': {
    level: 'info',
    line: 'limit {limit} is now {set}',
    facts: { limit: 'text', set: 'text' },
    help: 'A person has set something for a limit key, or taken it back, and this master goes by it from now on.',
  },
  'tenant.set': {
    level: 'info',
    line: 'tenant {tenant} is now {set}',
    facts: { tenant: 'text', set: 'text' },
    help: 'A person has set something for a tenant, and this master goes by it from now on.',
  },
  'scheduler.pass': {
    level: 'info',
    quiet: { level: 'debug', whenZero: ['queued', 'offered'] },
    line: 'pass: {queued} queued, {offered} offered, {waiting} waiting ({reasons}); workers: {workersByStatus}',
    facts: { queued: 'number', offered: 'number', waiting: 'number', reasons: 'counts', workersByStatus: 'counts' },
    help: 'The reconcile tick went through all waiting jobs. Info only where it changed something.',
  },
  'job.queued': {
    level: 'debug',
    line: '{key} is queued: {reason}',
    facts: { key: 'text', reason: 'text', trace: 'trace' },
    help: 'No worker can take the job now; the reason says why.',
  },
  'job.offered': {
    level: 'debug',
    line: '{key} is offered to {worker}',
    facts: { key: 'text', worker: 'text', trace: 'trace' },
    help: 'The job was offered to a worker.',
  },
  'job.opened': {
    level: 'debug',
    line: '{key} is there, of type {type}',
    facts: { key: 'text', type: 'text', queue: 'text', priority: 'text' },
    help: 'The leader sees a new job.',
  },
  'job.retried': {
    level: 'debug',
    line: '{key} waits for another attempt',
    facts: { key: 'text', type: 'text', queue: 'text', priority: 'text' },
    help: 'The leader sees that an attempt has failed and another one will follow.',
  },
  'job.settled': {
    level: 'debug',
    line: '{key} is {state}',
    facts: { key: 'text', type: 'text', queue: 'text', priority: 'text', state: 'text' },
    help: 'The leader sees that a job has come to rest; as `failed`, it is in the dead letter.',
  },
  'dependents.moved': {
    level: 'debug',
    line: '{count} jobs that waited for others were decided',
    facts: { count: 'number' },
    help: 'What jobs waited for has ended: they are ready, or can no longer be reached.',
  },
  'workflow.stopped': {
    level: 'info',
    line: 'workflow {workflow} stops: {count} of its jobs will not run',
    facts: { workflow: 'text', count: 'number' },
    help: 'A job of a workflow has failed whose `onFailure` is `stop`; what of it still waited has failed with it.',
  },
  'job.evicted': {
    level: 'info',
    line: '{key} of queue {queue} is to make room on {worker} for {by} of queue {byQueue}',
    facts: { key: 'text', worker: 'text', queue: 'text', by: 'text', byQueue: 'text' },
    help: 'A running job was told to make room for one whose queue may evict it (`yard queue set --may-evict`).',
  },
  'job.reserved': {
    level: 'info',
    line: '{worker} keeps the next room for {key}, which has waited for long',
    facts: { key: 'text', worker: 'text' },
    help: 'A job that needs much had waited for `--reserve-after` of its queue: what comes after it leaves it its place on this worker.',
  },
  'schedule.fired': {
    level: 'info',
    line: 'schedule {schedule} has fired: job {job}, {lateMs} ms after its moment',
    facts: { schedule: 'text', job: 'text', lateMs: 'ms' },
    help: 'A moment of a schedule has made its job.',
  },
  'schedule.skipped': {
    level: 'info',
    line: 'schedule {schedule} skips {moment}: {why}',
    facts: { schedule: 'text', count: 'number', moment: 'text', why: 'text' },
    help: 'A moment of a schedule made no job, as `overlap` says: that of an earlier firing was still open.',
  },
  'schedule.missed': {
    level: 'warn',
    line: 'schedule {schedule} missed {count} moments, {moment}: {why}',
    facts: { schedule: 'text', count: 'number', moment: 'text', why: 'text' },
    help: 'Moments of a schedule came while nobody could fire them, and `misfire` and `window` say that they make no jobs.',
  },
  'schedule.refused': {
    level: 'error',
    line: 'schedule {schedule} could not make its job of {moment}: {why}',
    facts: { schedule: 'text', count: 'number', moment: 'text', why: 'text' },
    help: 'A submission of the same job would be refused too; `yard schedule edit` puts it right.',
  },
  'bulk.claimed': {
    level: 'info',
    line: 'carries out {verb} on many jobs, operation {id} of {by}; before: {former}',
    facts: { id: 'text', verb: 'text', by: 'text', former: 'text' },
    help: 'This master works at a bulk operation from now on; `former` had it before and is gone.',
  },
  'bulk.ended': {
    level: 'info',
    line: '{verb} on many jobs, operation {id}, is {state}: {done} jobs done, {refused} refused; by {by}',
    facts: { id: 'text', verb: 'text', state: 'text', done: 'number', refused: 'number', by: 'text' },
    help: 'A bulk operation is over; `by` is who asked for it or aborted it. `yard bulk get` shows the rest.',
  },
  'intake.accepted': {
    level: 'debug',
    line: 'took in {count} submissions',
    facts: { count: 'number' },
    help: 'Submissions were stored as jobs.',
  },
  'intake.rejected': {
    level: 'warn',
    line: 'submission {sequence} is rejected: {reason}',
    facts: { sequence: 'number', reason: 'text' },
    help: 'A submission was refused for good and put aside; `yard rejected list` shows it.',
  },
  'intake.repeated': {
    level: 'warn',
    line: 'the broker has forgotten what became of {count} submissions; they are taken in again',
    facts: { count: 'number' },
    help: 'A broker came back with less than it had acknowledged: submissions of which no job was left are taken in once more.',
  },
  'worker.started': {
    level: 'info',
    line: 'worker {name} ({incarnation}) takes {types} with {slots} slots',
    facts: { ...worker, types: 'text', slots: 'number' },
    help: 'This worker is ready for jobs.',
  },
  'worker.joined': {
    level: 'info',
    line: 'worker {name} ({incarnation}) has joined',
    facts: { ...worker, types: 'text' },
    help: 'This master hears the first pulse of a worker.',
  },
  'worker.left': {
    level: 'info',
    line: 'worker {name} ({incarnation}) has left',
    facts: worker,
    help: 'A worker has said that it goes.',
  },
  'worker.lost': {
    level: 'warn',
    line: 'worker {name} ({incarnation}) is lost',
    facts: worker,
    help: 'A worker was silent for too long; its jobs are taken back.',
  },
  'worker.deaf': {
    level: 'warn',
    line: 'worker {name} ({incarnation}) is deaf: it has left {letters} letters in a row unanswered',
    facts: { ...worker, letters: 'number' },
    help: 'A worker pulses and claims nothing that it is offered: it is told to open its mailbox anew, and jobs go elsewhere.',
  },
  'worker.undeaf': {
    level: 'info',
    line: 'worker {name} ({incarnation}) answers its mail again',
    facts: worker,
    help: 'A worker that was deaf has claimed a job.',
  },
  'worker.returned': {
    level: 'warn',
    line: 'worker {name} was taken for lost with {jobs} jobs; it goes on as {incarnation}',
    facts: { ...worker, former: 'text', jobs: 'number' },
    help: 'This worker was silent for too long and is back: its handlers are told to stop, and it takes jobs under a new incarnation.',
  },
  'workers.silentTogether': {
    level: 'warn',
    line: '{silent} of {workers} workers are silent at once; waiting as long again before their jobs are taken back',
    facts: { silent: 'number', workers: 'number' },
    help: 'More than a third of the workers, and at least two, fell silent together: rather the network than they.',
  },
  'worker.hung': {
    level: 'warn',
    line: 'worker {name} ({incarnation}) hangs: its main loop has not turned for {loopLagMs} ms',
    facts: { ...worker, loopLagMs: 'ms' },
    help: 'The process of a worker pulses while its main loop stands still: it keeps its jobs and is offered no more.',
  },
  'worker.unhung': {
    level: 'info',
    line: 'the main loop of worker {name} ({incarnation}) turns again',
    facts: worker,
    help: 'A worker that hung is offered jobs again.',
  },
  'jobs.takenBack': {
    level: 'warn',
    line: '{count} jobs are taken back from lost workers',
    facts: { count: 'number' },
    help: 'Jobs of lost workers were ended there, and wait for another attempt or have none left.',
  },
  'records.newer': {
    level: 'warn',
    line: '{key} was written by a newer version; such jobs are left to processes of that version. Upgrade this one',
    facts: { key: 'text' },
    help: 'A record is of a newer version than this process can read. Told for the first one only.',
  },
  'types.unserved': {
    level: 'warn',
    line: 'jobs wait that no worker serves: {jobs}',
    facts: { jobs: 'counts', types: 'number' },
    help: 'No worker has handlers for these types. Told once, and again when other types are not served.',
  },
  'types.served': {
    level: 'info',
    line: 'every type that waits is served again',
    facts: {},
    help: 'Of no type that waits it is true any more that no worker serves it.',
  },
  'jobs.forgotten': {
    level: 'info',
    line: '{count} settled jobs are forgotten; more than {most} were kept',
    facts: { count: 'number', most: 'number' },
    help: 'The oldest records of settled jobs were removed, since there were more than `retentionCount`.',
  },
  'blobs.swept': {
    level: 'info',
    line: '{count} blobs that belong to no job any more are removed',
    facts: { count: 'number' },
    help: 'Payloads and results that lay aside: their records were forgotten, or were never stored.',
  },
  'keys.forgotten': {
    level: 'debug',
    line: '{count} unique keys that no job holds any more are forgotten',
    facts: { count: 'number' },
    help: 'Keys of unique rules whose job has settled, and whose period is over.',
  },
  'attempt.claimed': {
    level: 'debug',
    line: '{key} is claimed, attempt {attempt}',
    facts: attempt,
    help: 'The claim of this worker is stored.',
  },
  'attempt.started': {
    level: 'debug',
    line: '{key} starts, attempt {attempt}',
    facts: { ...attempt, type: 'text', queue: 'text', priority: 'text', waitedMs: 'ms' },
    help: 'The handler starts. `waitedMs`: since the job became ready.',
  },
  'attempt.ended': {
    level: 'debug',
    line: '{key} ended, attempt {attempt}: {outcome}',
    facts: { ...attempt, type: 'text', queue: 'text', outcome: 'text', ranMs: 'ms' },
    help: 'The end of the attempt is stored. `ranMs`: since its handler started.',
  },
  'attempt.fenced': {
    level: 'warn',
    line: '{key} is no longer ours, attempt {attempt}; its result is discarded',
    facts: attempt,
    help: 'The record says that another attempt holds the job: the handler is told to stop, its result is dropped.',
  },
  'attempt.abandoned': {
    level: 'warn',
    line: '{key} ignores its signal, attempt {attempt}; its slot is freed',
    facts: attempt,
    help: 'A handler did not stop within its grace.',
  },
  'transcode.done': {
    level: 'debug',
    line: 'transcoded with {encoder}, {fps} frames a second',
    facts: {
      encoder: 'text',
      source: 'text',
      fps: 'number',
      speed: 'maybe',
      joules: 'maybe',
      vmaf: 'maybe',
      ssim: 'maybe',
      efficiency: 'maybe',
    },
    help: 'A transcode has ended well. What could not be measured is absent; `source`: where the joules are from.',
  },
  'commit.batch': {
    level: 'debug',
    line: 'batch of {entries}: {outcome} in {ms} ms',
    facts: { entries: 'number', ms: 'ms', outcome: 'text' },
    help: 'A batch of writes was answered, or was not.',
  },
  'feed.gap': {
    level: 'warn',
    line: 'the feed has a gap from {from} to {to}; reading it from the stream',
    facts: { from: 'number', to: 'number' },
    help: 'Changes did not arrive on the feed and are read from the leader of the stream.',
  },
  'feed.reloaded': {
    level: 'info',
    line: 'the picture is loaded, up to revision {lastRevision}',
    facts: { lastRevision: 'number' },
    help: 'The picture of all open jobs was made from scratch.',
  },
  'view.complete': {
    level: 'info',
    line: 'lists and searches know all {jobs} jobs, up to revision {revision}',
    facts: { jobs: 'number', revision: 'number' },
    help: 'The view of this master, which lists and searches are answered from, was made from scratch.',
  },
  'picture.complete': {
    level: 'info',
    line: 'the picture of all open jobs is complete up to revision {revision}, after {ms} ms; {saved} of them came from a saved one',
    facts: { revision: 'number', saved: 'number', ms: 'ms' },
    help: 'A master that starts has read all open jobs. Where none came from a saved picture, it has read everything that is kept.',
  },
  'picture.saved': {
    level: 'debug',
    line: 'saved the picture of {open} open jobs, {bytes} bytes in {ms} ms',
    facts: { open: 'number', bytes: 'number', ms: 'ms' },
    help: 'The leader has saved all open jobs for masters that start.',
  },
  'picture.notSaved': {
    level: 'warn',
    line: 'could not save the picture of all open jobs: {error}',
    facts: { error: 'text' },
    help: 'Nothing is lost; a master that starts will read everything that is kept, which takes longer. Tried again each minute.',
  },
  'picture.notUsed': {
    level: 'info',
    line: 'reads everything that is kept; of the saved picture it can make no use: {reason}',
    facts: { reason: 'text' },
    help: 'A master that starts found a saved picture that is too old, damaged or of another version.',
  },
  'auditor.repaired': {
    level: 'warn',
    line: 'repaired {key}: {what}',
    facts: { what: 'text', key: 'text' },
    help: 'Something did not agree and was put right.',
  },
  'auditor.found': {
    level: 'error',
    line: 'cannot repair {key}: {what}; expected {expected}, met {met}',
    facts: { what: 'text', key: 'text', expected: 'text', met: 'text' },
    help: 'A record is wrong in a way that only a person can put right; `yard audit` lists all of them.',
  },
  'broker.connected': {
    level: 'info',
    line: 'connected to {server}',
    facts: { server: 'text' },
    help: 'The first connection to a broker.',
  },
  'broker.disconnected': {
    level: 'warn',
    line: 'the broker is away; trying again',
    facts: { server: 'text' },
    help: 'The connection broke; it is being made anew.',
  },
  'broker.reconnected': {
    level: 'info',
    line: 'connected again, to {server}',
    facts: { server: 'text' },
    help: 'The connection is back.',
  },
  'broker.risky': {
    level: 'warn',
    line: 'nats-server {version} runs in a cluster; {advised} or newer is advised there',
    facts: { version: 'text', advised: 'text' },
    help: 'The brokers are a cluster, and of a version that is known to lose races between its nodes.',
  },
  'broker.stuck': {
    level: 'error',
    line: 'the broker at {broker} could not write and stores nothing more: {error}. Make room on its disk, then restart it; one of `yard up` is restarted by itself',
    facts: { broker: 'text', error: 'text' },
    help: 'The monitoring of a broker (`--nats-monitoring`) says that it could not write to its disk. It needs a restart when there is room.',
  },
  'broker.unstuck': {
    level: 'info',
    line: 'the broker at {broker} stores again',
    facts: { broker: 'text' },
    help: 'A broker that could not write was restarted, and writes.',
  },
  'store.measured': {
    level: 'debug',
    line: 'the store of jobs has {bytes} of {most} bytes',
    facts: { bytes: 'number', most: 'number', share: 'maybe' },
    help: 'How much the store of jobs takes, and may take: by its bound, or by what the disk of a broker of `yard up` has left. Once more, without a `share`, where nothing limits it any more.',
  },
  'store.filling': {
    level: 'warn',
    line: 'the store of jobs is {percent} % full, limited by {by}; doors refuse new jobs at 90 %',
    facts: { percent: 'number', by: 'text' },
    help: 'The store of jobs has passed eight tenths of its `bound`, or of what its `disk` allows. Told once, until `store.eased`.',
  },
  'store.eased': {
    level: 'info',
    line: 'the store of jobs is {percent} % full',
    facts: { percent: 'number' },
    help: 'The store of jobs is below three quarters again.',
  },
  'broker.fetched': {
    level: 'info',
    line: 'fetched nats-server {version} to {path}',
    facts: { version: 'text', path: 'text' },
    help: 'The program of the embedded broker was fetched.',
  },
  'process.failed': {
    level: 'error',
    line: '{what} failed: {error}',
    facts: { what: 'text', error: 'text' },
    help: 'Something broke that should not have; the process goes on where it can.',
  },
} as const satisfies Readonly<Record<string, EventSpec>>;

export type EventName = keyof typeof events;

type FactsOf<Facts extends Readonly<Record<string, FactKind>>> = {
  readonly [Fact in keyof Facts as Facts[Fact] extends 'trace' ? never : Fact]: FactTypes[Facts[Fact]];
} & { readonly [Fact in keyof Facts as Facts[Fact] extends 'trace' ? Fact : never]?: FactTypes[Facts[Fact]] };

/** The facts of each event. */
export type EventFacts = { readonly [Name in EventName]: FactsOf<(typeof events)[Name]['facts']> };

/** One event that was told. */
export interface Told<Name extends EventName = EventName> {
  readonly name: Name;
  readonly facts: EventFacts[Name];
}

export function isTold<Name extends EventName>(told: Told, name: Name): told is Told<Name> {
  return told.name === name;
}

/** How loud this event is with these facts. */
export function levelOf(told: Told): Level {
  const spec: EventSpec = events[told.name];
  const facts: Readonly<Record<string, unknown>> = told.facts;
  return spec.quiet?.whenZero.every((fact) => facts[fact] === 0) === true ? spec.quiet.level : spec.level;
}

/** The line of an event, for people. */
export function lineOf(told: Told): string {
  const facts: Readonly<Record<string, unknown>> = told.facts;
  return events[told.name].line.replace(/\{(\w+)\}/g, (_, fact: string) => inWords(facts[fact]));
}

function inWords(fact: unknown): string {
  if (typeof fact === 'number') return String(Math.round(fact * 100) / 100);
  if (typeof fact !== 'object' || fact === null) return String(fact ?? '-');
  const counts = Object.entries(fact).map(([name, count]) => `${String(count)} ${name}`);
  return counts.length === 0 ? 'none' : counts.join(', ');
}
