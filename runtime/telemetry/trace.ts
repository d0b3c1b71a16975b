/**
 * The spans of a job's trace and the fields that every log line has, as data. A trace is a job: it begins where the
 * job is submitted, or with what its submitter was at, and each attempt is linked to the one before it.
 *
 * Names and attributes follow the messaging conventions of OpenTelemetry: a job is a message, its type where it goes.
 */

export interface SpanSpec {
  /** The span that it is part of; absent for the first. */
  readonly within?: string;
  /** It may begin a trace. */
  readonly begins?: true;
  /** `messaging.operation.name`; the span is called by it and the type: `submit transcode`. */
  readonly operation: string;
  /** `messaging.operation.type`, where it is one of those. */
  readonly operationType?: 'create' | 'send' | 'process';
  readonly kind: 'producer' | 'consumer' | 'internal';
  readonly teller: string;
  /** Attributes of its own, beside those of every span. */
  readonly attributes: readonly string[];
  readonly help: string;
}

export const spans = {
  'job.submit': {
    begins: true,
    operation: 'submit',
    operationType: 'create',
    kind: 'producer',
    teller: 'who creates the record: submitter, or the leader for `nats pub`',
    attributes: ['yard.created'],
    help: 'From the door to the stored record.',
  },
  'job.wait': {
    within: 'job.submit',
    begins: true,
    operation: 'wait',
    kind: 'internal',
    teller: 'leader',
    attributes: ['yard.attempt'],
    help: 'From ready to offered; one for each offer. Where no trace was begun before, it begins one.',
  },
  'job.assign': {
    within: 'job.submit',
    operation: 'assign',
    operationType: 'send',
    kind: 'producer',
    teller: 'leader',
    attributes: ['yard.attempt', 'yard.worker'],
    help: 'From the decision to the mail; the worker goes on from here.',
  },
  'job.attempt': {
    within: 'job.assign',
    operation: 'attempt',
    operationType: 'process',
    kind: 'consumer',
    teller: 'worker',
    attributes: ['yard.attempt', 'yard.worker', 'yard.outcome', 'error.type'],
    help: 'From the claim to the stored end; linked to the attempt before it.',
  },
  'job.handler': {
    within: 'job.attempt',
    operation: 'handler',
    kind: 'internal',
    teller: 'worker',
    attributes: ['yard.attempt', 'error.type'],
    help: 'While the handler runs; spans of its own are within.',
  },
} as const satisfies Readonly<Record<string, SpanSpec>>;

export type SpanName = keyof typeof spans;

/** Attributes of every span. */
export const spanAttributes = {
  'messaging.system': 'Always `yardmaster`.',
  'messaging.operation.name': 'submit, wait, assign, attempt or handler.',
  'messaging.operation.type': 'create, send or process, where it is one of them.',
  'messaging.destination.name': 'The type of the job.',
  'messaging.message.id': 'The id of the job.',
  'yard.job': 'The key of the job: tenant and id.',
  'yard.queue': 'Its queue.',
  'yard.priority': 'Its priority.',
} as const;

/** Fields of log lines, before the facts of their event. */
export const logFields = {
  level: 'How loud: debug, info, warn or error.',
  time: 'Broker time, epoch ms.',
  role: 'What the process is: master, worker, broker, …',
  process: 'The name of the process.',
  event: 'The name of the event.',
  msg: 'The event in one line.',
  job: 'The key of the job, where it is about one.',
  trace: 'The id of the trace of that job, where it has one.',
  attempt: 'The number of the attempt, where it is about one.',
  worker: 'The incarnation of the worker that it is about; in every line of a worker, its own.',
  term: 'The term in which this master leads, in every line while it does.',
  leftOut:
    'How many lines of this event were left out before this one: of each event about single jobs 100 a second are written.',
} as const;
