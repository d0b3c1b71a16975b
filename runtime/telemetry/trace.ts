/**
 * The spans of a job's trace and the fields that every log line has, as data. A trace is a job: it begins where the
 * job is submitted, and each attempt is linked to the one before it.
 */

export interface SpanSpec {
  /** The span that it is part of; absent for the first. */
  readonly within?: string;
  readonly attributes: readonly string[];
  readonly help: string;
}

export const spans = {
  'job.submit': {
    attributes: ['yard.job', 'yard.type', 'yard.queue', 'yard.priority'],
    help: 'From the door to the stored record.',
  },
  'job.wait': {
    within: 'job.submit',
    attributes: ['yard.job', 'yard.queue', 'yard.priority', 'yard.reason'],
    help: 'From ready to claimed.',
  },
  'job.attempt': {
    within: 'job.submit',
    attributes: ['yard.job', 'yard.attempt', 'yard.worker', 'yard.outcome'],
    help: 'From the claim to the stored end; linked to the attempt before it.',
  },
  'job.handler': {
    within: 'job.attempt',
    attributes: ['yard.job', 'yard.attempt', 'yard.type'],
    help: 'While the handler runs.',
  },
} as const satisfies Readonly<Record<string, SpanSpec>>;

/** Fields of every log line, before the facts of its event. */
export const logFields = {
  level: 'How loud: debug, info, warn or error.',
  time: 'Broker time, epoch ms.',
  role: 'What the process is: master, worker, broker, …',
  process: 'The name of the process.',
  event: 'The name of the event.',
  msg: 'The event in one line.',
} as const;
