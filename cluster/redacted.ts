/**
 * What doors show of jobs, schedules and refused submissions: all but what is secret in their payloads (`machines/rules/secret.ts`).
 *
 * A payload is told by its name, wherever it stands in an answer. What its secrets are is then looked for in all that stands beside it: a
 * result or an error may repeat them. The worker hides them in what it writes of errors, logs and progress, by the same rule.
 */

import {
  hidden,
  isSecretName,
  jsonWithoutSecrets,
  secretsIn,
  textWithout,
  textWithoutSecrets,
  without,
  withoutSecrets,
} from '../machines/rules/secret.ts';
import type { Rejection } from '../runtime/ports.ts';

export { jsonWithoutSecrets };

/** An answer as it may be shown; what has no payload in it is the same. */
export function redacted<Value>(value: Value): Value;
export function redacted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redacted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const payload = entries.find(([name]) => name === 'payload')?.[1];
  const secrets = secretsIn(payload);
  // What lies aside is not there to look into.
  const isUnknown = payload === null && entries.some(([name]) => name === 'aside');
  return Object.fromEntries(
    entries.map(([name, each]) => {
      if (name === 'payload' || (name === 'context' && isUnknown)) return [name, withoutSecrets(each)];
      return [name, without(secrets, redacted(each))];
    }),
  );
}

/** What a job returned, without what is secret in its payload. */
export function resultRedacted(result: unknown, payload: unknown): unknown {
  return without(secretsIn(payload), result);
}

/** A refused submission: of its body, which may be no JSON or be cut off, and of its headers. */
export function rejectionRedacted(rejection: Rejection): Rejection {
  const { body, headers, reason } = rejection;
  const shown = Object.entries(headers).map(([name, text]) => [
    name,
    isSecretName(name) ? hidden : textWithoutSecrets(text),
  ]);
  return {
    ...rejection,
    body: jsonWithoutSecrets(body),
    headers: Object.fromEntries(shown),
    reason: textWithout(secretsIn(parsed(body)), reason),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
