/**
 * Whether a payload is one of its type, as the type's own validator says, and in sentences what is wrong with it.
 */

import { pointerPart, type WrongField } from '../runtime/faults.ts';
import type { JobDefinition } from '../runtime/handler.ts';

type Checked = { value: unknown } | { wrong: string; fields: readonly WrongField[] };
type Path = readonly (PropertyKey | { readonly key: PropertyKey })[];

/** The payload as the type sees it, or what is wrong: ``Expected a payload of type noop, got another. At `n`: …`` */
export async function checkPayload(definition: JobDefinition, payload: unknown): Promise<Checked> {
  const checked = await definition.payload['~standard'].validate(payload);
  if (checked.issues === undefined) return { value: checked.value };
  const wrong = checked.issues.map(({ message, path }) => sentence(message, path ?? []));
  const fields = checked.issues.map(({ message, path = [] }) => ({ path: pointer(path), message: ended(message) }));
  return { fields, wrong: `Expected a payload of type ${definition.type}, got another. ${wrong.join(' ')}` };
}

function pointer(path: Path): string {
  const parts = path.map((part) => String(typeof part === 'object' ? part.key : part));
  return ['/payload', ...parts.map(pointerPart)].join('/');
}

function ended(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

function sentence(message: string, path: Path): string {
  const whole = ended(message);
  const where = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
  return where === '' ? whole : `At \`${where}\`: ${whole}`;
}
