/**
 * What the payload of a type may hold, as JSON Schema, where the library in which it was written can say it (Standard JSON Schema:
 * Zod, ArkType, Valibot with its converter).
 *
 * It is for people and forms. It cannot say all that a check does, so it never decides: the check itself does.
 */

import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';

/** A JSON Schema of draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Bytes; all masters and doors hold those of all types. */
const atMost = 32_768;

/** `undefined` where nobody can say it, or it is larger than 32 KiB. */
export function payloadSchemaOf(payload: StandardSchemaV1 | undefined): JsonSchema | undefined {
  if (payload === undefined || !saysJson(payload)) return undefined;
  const schema = asked(payload);
  if (schema === undefined) return undefined;
  // A plain copy: what a library hangs on it besides has no place in a record.
  const text = JSON.stringify(schema);
  return Buffer.byteLength(text) > atMost ? undefined : JSON.parse(text);
}

function asked(payload: StandardJSONSchemaV1): JsonSchema | undefined {
  try {
    return payload['~standard'].jsonSchema.input({ target: 'draft-2020-12' });
  } catch {
    // Something in it has no word in JSON Schema.
    return undefined;
  }
}

function saysJson(payload: StandardSchemaV1): payload is StandardSchemaV1 & StandardJSONSchemaV1 {
  return 'jsonSchema' in payload['~standard'];
}
