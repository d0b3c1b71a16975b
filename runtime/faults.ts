/**
 * What can go wrong in the world, as one page: a code each, what it means, and whether trying again may help.
 *
 * A `Fault` is for a world that failed or an input that was refused. A job that failed is no fault: it is data
 * in the job's record. Errors of the broker are translated into these once, in `nats/errors.ts`, by their codes.
 */

/** Every code with its meaning. `retryable` says whether the same call may succeed later by itself. */
export const faults = {
  'input.invalid': { retryable: false, meaning: 'What was given is not what was expected; the message says which.' },
  'option.invalid': { retryable: false, meaning: 'An option has a wrong name or value.' },
  'job.missing': { retryable: false, meaning: 'No job has this id.' },
  'job.conflict': { retryable: false, meaning: 'A job with this id exists and was submitted with other content.' },
  'job.refused': { retryable: false, meaning: 'The job is in a state in which this cannot be done.' },
  'blob.missing': { retryable: false, meaning: 'What was put aside of a job is not there any more, or is not whole.' },
  'file.missing': { retryable: false, meaning: 'The job has no file of this name.' },
  'file.large': { retryable: false, meaning: 'The file has more bytes than one may have.' },
  'precondition.failed': {
    retryable: false,
    meaning: 'What was to be changed is not any more what whoever changes it has read.',
  },
  'group.missing': { retryable: false, meaning: 'No failed job is of this group.' },
  'queue.missing': { retryable: false, meaning: 'No queue has this name.' },
  'schedule.missing': { retryable: false, meaning: 'No schedule has this name.' },
  'schedule.conflict': { retryable: false, meaning: 'Another schedule has this name.' },
  'schedule.refused': { retryable: false, meaning: 'The schedule is in a state in which this cannot be done.' },
  'workflow.missing': { retryable: false, meaning: 'No workflow has this id.' },
  'bulk.missing': {
    retryable: false,
    meaning: 'No bulk operation has this id; those that ended long ago are forgotten.',
  },
  'bulk.refused': { retryable: false, meaning: 'The bulk operation has ended.' },
  'bulk.failed': { retryable: false, meaning: 'A bulk operation could not go on; what it had done is done.' },
  'request.foreign': { retryable: false, meaning: 'A page of another site, or under a foreign name, asked by HTTP.' },
  'token.missing': { retryable: false, meaning: 'No token has this id.' },
  'token.refused': { retryable: false, meaning: 'No token was shown, or one that is unknown, revoked or has expired.' },
  'scope.missing': { retryable: false, meaning: 'The token that was shown does not open this.' },
  'rate.exceeded': { retryable: true, meaning: 'Too much was asked in too short a time.' },
  'type.missing': { retryable: false, meaning: 'No worker has made a job type of this name known.' },
  'machine.missing': { retryable: false, meaning: 'No machine has this name.' },
  'picture.missing': {
    retryable: false,
    meaning: 'The picture of a machine was not built, or was built from another version of it.',
  },
  'context.missing': { retryable: false, meaning: 'No context has this name.' },
  'webhook.missing': { retryable: false, meaning: 'No webhook has this id.' },
  'worker.missing': { retryable: false, meaning: 'No worker, or more than one, has this name.' },
  'wait.timedOut': { retryable: true, meaning: 'What was waited for did not happen in the time that was given.' },
  'record.unreadable': { retryable: false, meaning: 'A stored record is no record of ours, or of a newer version.' },
  'backup.unreadable': { retryable: false, meaning: 'A file is no backup, is not whole, or is of a newer version.' },
  'cluster.occupied': { retryable: false, meaning: 'A backup was to be restored into a cluster that has jobs.' },
  'states.unknown': { retryable: false, meaning: 'Jobs are in states that the chart of this version does not have.' },
  'commit.conflict': { retryable: false, meaning: 'The record had moved on; read it again and decide anew.' },
  'leader.deposed': { retryable: false, meaning: 'Another master holds the lease now.' },
  'broker.unreachable': { retryable: true, meaning: 'No broker answers at the given address.' },
  'broker.unavailable': { retryable: true, meaning: 'The broker or its JetStream is away for the moment.' },
  'store.full': { retryable: true, meaning: 'The broker has no room for another job, until somebody makes some.' },
  'quota.full': { retryable: true, meaning: 'The tenant has as many open jobs as it may have, until some end.' },
  'broker.refused': { retryable: false, meaning: 'The broker refused the request for good.' },
  'broker.unauthorized': { retryable: false, meaning: 'The broker does not accept these credentials.' },
  'broker.absent': { retryable: false, meaning: 'No nats-server could be found or fetched.' },
  'topology.mismatch': { retryable: false, meaning: 'A stream or bucket exists with settings that cannot be changed.' },
  'handler.missing': { retryable: false, meaning: 'This worker has no handler of that type.' },
  'cluster.running': { retryable: false, meaning: 'A cluster runs already in this data directory.' },
  'process.ended': {
    retryable: false,
    meaning: 'A process that should run has ended; the message has its last words.',
  },
  'tool.missing': { retryable: false, meaning: 'A program that the handler needs is not on this machine.' },
} as const;

export type FaultCode = keyof typeof faults;

/** Characters that a sentence may have: what it quotes may be as large as somebody sent it. */
const longest = 2_000;

/** A text that is too long without its middle: what to do stands at its end. */
export function abridged(text: string, most = longest): string {
  const half = Math.floor((most - 1) / 2);
  return text.length <= most ? text : `${text.slice(0, half)}…${text.slice(-half)}`;
}

/** A failure of the world or a refused input: `code` for programs, `message` for people, `facts` for both. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly retryable: boolean;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: FaultCode, message: string, options: { cause?: unknown; facts?: Record<string, unknown> } = {}) {
    super(abridged(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = faults[code].retryable;
    this.facts = options.facts ?? {};
  }
}

/** One field that is not what was expected: a JSON pointer into what was given, and a sentence. */
export interface WrongField {
  path: string;
  message: string;
}

/** The fields that a fault names, in its fact `fields`. */
export function wrongFieldsIn({ facts: { fields } }: Fault): readonly WrongField[] {
  return Array.isArray(fields) ? fields.filter(isWrongField) : [];
}

function isWrongField(value: unknown): value is WrongField {
  return typeof value === 'object' && value !== null && 'path' in value && typeof value.path === 'string';
}

/** A part of a JSON pointer (RFC 6901). */
export function pointerPart(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** That one field is wrong. */
export function wrongField(path: string, message: string): Fault {
  const field = { path: abridged(path), message: abridged(message) };
  return new Fault('input.invalid', message, { facts: { fields: [field] } });
}

/** Whether this was thrown as a fault with this code. */
export function isFault(thrown: unknown, code: FaultCode): thrown is Fault {
  return thrown instanceof Fault && thrown.code === code;
}

/**
 * Whether something failed because of the world around it: the broker was away, the term over. What was to be done is
 * not to blame, and may be done later or by somebody else.
 */
export function isOfTheWorld(thrown: unknown): boolean {
  return thrown instanceof Fault && (thrown.retryable || thrown.code === 'leader.deposed');
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return abridged(thrown instanceof Error ? thrown.message : String(thrown));
}

/** The text of `docs/faults.md`. */
export function faultsPage(): string {
  const rows = Object.entries(faults).map(
    ([code, { meaning, retryable }]) => `| \`${code}\` | ${retryable ? 'yes' : 'no'} | ${meaning} |`,
  );
  return `# Faults

Generated from \`runtime/faults.ts\`; do not edit it by hand. Every error that Yardmaster throws has one of these codes;
its message says what was expected, what was met and what to do. A job that failed is no fault: it is data in its record.

| code | may the same call succeed later by itself? | |
|---|---|---|
${rows.join('\n')}
`;
}
