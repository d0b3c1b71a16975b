/**
 * Whether a payload is one of its type, as the type's own validator says, and in sentences what is wrong with it.
 */

import type { JobDefinition } from '../runtime/handler.ts';

type Checked = { value: unknown } | { wrong: string };
type Path = readonly (PropertyKey | { readonly key: PropertyKey })[];

/** The payload as the type sees it, or what is wrong: ``Expected a payload of type noop, got another. At `n`: …`` */
export async function checkPayload(definition: JobDefinition, payload: unknown): Promise<Checked> {
  const checked = await definition.payload['~standard'].validate(payload);
  if (checked.issues === undefined) return { value: checked.value };
  const wrong = checked.issues.map(({ message, path }) => sentence(message, path ?? []));
  return { wrong: `Expected a payload of type ${definition.type}, got another. ${wrong.join(' ')}` };
}

function sentence(message: string, path: Path): string {
  const whole = /[.!?]$/.test(message) ? message : `${message}.`;
  const where = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
  return where === '' ? whole : `At \`${where}\`: ${whole}`;
}
