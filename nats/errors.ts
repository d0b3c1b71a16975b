/**
 * Errors of the broker, translated once, by code, into faults.
 *
 * Knows the codes of JetStream that we act on and the classes that the client throws; leaves it to its callers what
 * to do about them. Promises that nothing leaves `nats/` untranslated, and that a fault passes through unchanged.
 */

import { JetStreamApiError } from '@nats-io/jetstream';
import {
  AuthorizationError,
  ClosedConnectionError,
  ConnectionError,
  DrainingConnectionError,
  InvalidArgumentError,
  InvalidSubjectError,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
  UserAuthenticationExpiredError,
} from '@nats-io/nats-core';
import { Fault, type FaultCode, messageOf } from '../runtime/faults.ts';

/** Error codes of JetStream, by what they say. */
const code = {
  noPeers: 10005,
  clusterAway: 10008,
  notLeader: 10009,
  consumerMissing: 10014,
  insufficientResources: 10023,
  memoryFull: 10028,
  messageMissing: 10037,
  disabledForAccount: 10039,
  storageFull: 10047,
  configInvalid: 10052,
  messageTooLarge: 10054,
  streamNameInUse: 10058,
  streamMissing: 10059,
  subjectsOverlap: 10065,
  /** CAS: the key's revision was not the expected one. */
  wrongLastSequence: 10071,
  replicasNotSupported: 10074,
  disabled: 10076,
  streamFull: 10077,
  consumerExists: 10148,
  /** CAS: another write of that key is in flight; its revision is not known yet. */
  wrongLastSequenceUnknown: 10164,
  /** Parts of an atomic batch did not arrive, such as after a change of the stream's leader. */
  batchIncomplete: 10176,
  batchTooLarge: 10199,
  batchDuplicate: 10201,
  /** More atomic batches are open than the server allows. */
  tooManyBatches: 10210,
} as const;

/** Where nothing was stored, and the same write, unchanged, may be accepted in a moment. */
const again: ReadonlySet<number> = new Set([code.wrongLastSequenceUnknown, code.batchIncomplete, code.tooManyBatches]);

/** Where the broker is away for the moment. */
const away: ReadonlySet<number> = new Set([...again, code.noPeers, code.clusterAway, code.notLeader]);

/** Where nothing was stored for want of room. */
const full: ReadonlySet<number> = new Set([
  code.insufficientResources,
  code.memoryFull,
  code.storageFull,
  code.streamFull,
]);

/** Error codes of JetStream that callers act on; those in `again` mean "nothing was stored, say it once more". */
export const apiErrors = { ...code, again };

/** What JetStream answers when it refuses. */
interface ApiRefusal {
  err_code: number;
  description: string;
}

/** JetStream's error code, where the broker answered with one. */
export function apiErrorOf(thrown: unknown): number | undefined {
  return refusalIn(thrown)?.err_code;
}

/**
 * Whatever the client threw, as a fault.
 *
 * No answer, a lost connection and a JetStream without a leader are `broker.unavailable`: what was asked may or may
 * not have happened, and asking again may help.
 */
export function faultOf(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  const refusal = refusalIn(thrown);
  if (refusal !== undefined) return faultOfRefusal(refusal, thrown);
  const chain = causes(thrown);
  const kind = chain.map(kindOf).find((each) => each !== undefined);
  return kind === undefined
    ? fault('broker.refused', messageOf(thrown), thrown)
    : fault(kind.code, kind.message, thrown);
}

function refusalIn(thrown: unknown): ApiRefusal | undefined {
  if (isRefusal(thrown)) return thrown;
  return causes(thrown)
    .find((each) => each instanceof JetStreamApiError)
    ?.apiError();
}

function isRefusal(thrown: unknown): thrown is ApiRefusal {
  return typeof thrown === 'object' && thrown !== null && 'err_code' in thrown && 'description' in thrown;
}

function faultOfRefusal({ err_code, description }: ApiRefusal, cause: unknown): Fault {
  const { code: fault, advice } = meaningOf(err_code);
  return new Fault(fault, `The broker answered \`${description}\` (${err_code}). ${advice}`, {
    cause,
    facts: { brokerCode: err_code },
  });
}

function meaningOf(errorCode: number): { code: FaultCode; advice: string } {
  if (away.has(errorCode)) return { code: 'broker.unavailable', advice: 'Try again.' };
  if (full.has(errorCode))
    return { code: 'store.full', advice: 'Make room in its store, or raise the limit that it names.' };
  switch (errorCode) {
    case code.wrongLastSequence:
      return { code: 'commit.conflict', advice: 'Read the newer revision and decide anew.' };
    case code.messageMissing:
      return { code: 'job.missing', advice: 'Nothing is stored under this key.' };
    case code.messageTooLarge:
      return { code: 'input.invalid', advice: 'Send less, or put the data into a file.' };
    case code.disabled:
    case code.disabledForAccount:
      return {
        code: 'broker.refused',
        advice: 'Enable JetStream for this account in the configuration of the broker.',
      };
    default:
      return { code: 'broker.refused', advice: 'Look into the log of the broker.' };
  }
}

interface Kind {
  code: FaultCode;
  message: string;
}

/** What one error of the client means; `undefined` where only its cause can tell. */
function kindOf(error: Error): Kind | undefined {
  if (error instanceof PermissionViolationError)
    return {
      code: 'broker.unauthorized',
      message: `Expected the right of ${error.operation} on \`${error.subject}\`, and the broker does not give it to this user. Extend the user's permissions.`,
    };
  if (error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError)
    return {
      code: 'broker.unauthorized',
      message: `Expected the broker to accept these credentials, got \`${error.message}\`. Check user, password, token, nkey or creds file.`,
    };
  if (error.name === 'JetStreamStatusError' && 'code' in error) return kindOfStatus(error.code);
  if (error instanceof NoRespondersError)
    return { code: 'broker.unavailable', message: `Nobody answers on \`${error.subject}\` at the moment. Try again.` };
  if (error instanceof TimeoutError)
    return { code: 'broker.unavailable', message: 'The broker did not answer in time. Try again.' };
  if (isConnectionLoss(error))
    return {
      code: 'broker.unavailable',
      message: `The connection to the broker is lost (${error.message}). Try again.`,
    };
  if (error instanceof InvalidArgumentError && error.message.includes('max_payload'))
    return {
      code: 'input.invalid',
      message:
        "Expected a message that fits into the broker's `max_payload`, got a larger one. Send less, or raise `max_payload`.",
    };
  if (error instanceof InvalidSubjectError || error instanceof InvalidArgumentError)
    return { code: 'input.invalid', message: `Expected a valid name or argument, got: ${error.message}.` };
  return undefined;
}

/** What a status means that stands where the answer to a direct read was expected. */
function kindOfStatus(status: unknown): Kind | undefined {
  switch (status) {
    case 404:
      return { code: 'job.missing', message: 'Nothing is stored under this key.' };
    case 503:
      return { code: 'broker.unavailable', message: 'No broker serves this stream at the moment. Try again.' };
    default:
      return undefined;
  }
}

function isConnectionLoss(error: Error): boolean {
  return (
    error instanceof ClosedConnectionError ||
    error instanceof DrainingConnectionError ||
    error instanceof ConnectionError ||
    // What was asked when the connection went: "connection disconnected", "connection closed", "cancelled".
    (error instanceof RequestError && error.cause === undefined)
  );
}

/** What was thrown and what it was caused by, outermost first. */
function causes(thrown: unknown): readonly Error[] {
  const chain: Error[] = [];
  for (let each = thrown; each instanceof Error && !chain.includes(each); each = each.cause) chain.push(each);
  return chain;
}

function fault(code: FaultCode, message: string, cause: unknown): Fault {
  return new Fault(code, message, { cause });
}
