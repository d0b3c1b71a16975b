/**
 * The fields of a payload in words, read off its JSON Schema: for people, so what has no short word is `JSON`.
 */

export interface PayloadField {
  /** Nested ones with dots: `video.codec`. */
  name: string;
  isRequired: boolean;
  /** `a whole number from 0 to 63`, `nvenc, vaapi or qsv`. */
  takes: string;
  about: string;
}

type Schema = Readonly<Record<string, unknown>>;

export function payloadFields(schema: Schema, within = ''): readonly PayloadField[] {
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(isSchema(schema['properties']) ? schema['properties'] : {}).flatMap(([key, field]) => {
    if (!isSchema(field)) return [];
    const name = within + key;
    const about = typeof field['description'] === 'string' ? field['description'] : '';
    const one = { name, isRequired: required.includes(key), takes: takes(field), about };
    return [one, ...(field['type'] === 'object' ? payloadFields(field, `${name}.`) : [])];
  });
}

function takes(field: Schema): string {
  if (Array.isArray(field['enum'])) return eitherOf(field['enum'].map(String));
  if (field['const'] !== undefined) return String(field['const']);
  const those = field['anyOf'] ?? field['oneOf'];
  if (Array.isArray(those)) return eitherOf([...new Set(those.filter(isSchema).map(takes))]);
  if (Array.isArray(field['type'])) return eitherOf(field['type'].map((type) => takes({ ...field, type })));
  if (field['type'] === 'array') return `a list: ${isSchema(field['items']) ? takes(field['items']) : 'JSON'}`;
  if (field['type'] === 'integer') return `a whole number${range(field)}`;
  if (field['type'] === 'number') return `a number${range(field)}`;
  const words: Readonly<Record<string, string>> = {
    string: 'text',
    boolean: 'true or false',
    object: 'an object',
    null: 'null',
  };
  return words[String(field['type'])] ?? 'JSON';
}

function range({ minimum, maximum }: Schema): string {
  const from = typeof minimum === 'number' && minimum > Number.MIN_SAFE_INTEGER ? ` from ${minimum}` : '';
  return typeof maximum === 'number' && maximum < Number.MAX_SAFE_INTEGER ? `${from} to ${maximum}` : from;
}

function eitherOf(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
