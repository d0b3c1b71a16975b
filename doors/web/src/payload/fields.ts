/**
 * The fields of a form, read off the JSON Schema of a payload; and values in a payload by where they stand.
 */

export type Path = readonly string[];

export interface FormField {
  path: Path;
  name: string;
  isRequired: boolean;
  hint: string;
  /** What is taken where nothing is said. */
  usual?: string;
  examples: readonly string[];
  kind: Kind;
}

export type Kind =
  | { of: 'text' | 'flag' | 'list' | 'numbers' | 'either' | 'json' }
  | { of: 'number'; least?: number; most?: number; isWhole: boolean }
  | { of: 'choice'; values: readonly string[] }
  | { of: 'group'; fields: readonly FormField[] };

export type Schema = Readonly<Record<string, unknown>>;

/** `undefined` where the payload is no object with fields that are known. */
export function fieldsOf(schema: Schema, within: Path = []): readonly FormField[] | undefined {
  const properties = schema['properties'];
  if (schema['type'] !== 'object' || !isSchema(properties)) return undefined;
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(properties).flatMap(([name, field]) =>
    isSchema(field) ? [fieldOf(field, [...within, name], required.includes(name))] : [],
  );
}

function fieldOf(schema: Schema, path: Path, isRequired: boolean): FormField {
  const { description, default: usual, examples } = schema;
  return {
    path,
    name: path.at(-1) ?? '',
    isRequired,
    hint: typeof description === 'string' ? description : '',
    ...(usual === undefined ? {} : { usual: typeof usual === 'string' ? usual : JSON.stringify(usual) }),
    examples: Array.isArray(examples) ? examples.map(String) : [],
    kind: kindOf(schema, path),
  };
}

function kindOf(schema: Schema, path: Path): Kind {
  const { type, items } = schema;
  const values = schema['enum'];
  if (Array.isArray(values) && values.every((value) => typeof value === 'string')) return { of: 'choice', values };
  if (type === 'string') return { of: 'text' };
  if (type === 'boolean') return { of: 'flag' };
  if (isNumber(schema)) return numberKind(schema);
  if (isNumberOrText(schema)) return { of: 'either' };
  if (type === 'array' && isSchema(items) && items['type'] === 'string') return { of: 'list' };
  if (type === 'array' && isSchema(items) && isNumber(items)) return { of: 'numbers' };
  const fields = fieldsOf(schema, path);
  return fields === undefined || fields.length === 0 ? { of: 'json' } : { of: 'group', fields };
}

function isNumber({ type }: Schema): boolean {
  return type === 'integer' || type === 'number';
}

/** A library says the bounds of whole numbers where nobody set any. */
function numberKind({ type, minimum, maximum }: Schema): Kind {
  return {
    of: 'number',
    isWhole: type === 'integer',
    ...(typeof minimum === 'number' && minimum > Number.MIN_SAFE_INTEGER ? { least: minimum } : {}),
    ...(typeof maximum === 'number' && maximum < Number.MAX_SAFE_INTEGER ? { most: maximum } : {}),
  };
}

/** Such as a bitrate, which is a number or `2.5M`. */
function isNumberOrText({ type, anyOf }: Schema): boolean {
  const either = Array.isArray(anyOf) ? anyOf.filter(isSchema).map((one) => one['type']) : [];
  const types: readonly unknown[] = Array.isArray(type) ? type : either;
  return types.length === 2 && types.includes('number') && types.includes('string');
}

/** What stands there; `undefined` where nothing does. */
export function valueAt(payload: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => (isSchema(value) ? value[key] : undefined), payload);
}

/** The payload with this there; without what stood there where it is `undefined`, nor with objects that are empty then. */
export function withValue(payload: unknown, [key, ...rest]: Path, value: unknown): Schema {
  const { [key ?? '']: before, ...others } = isSchema(payload) ? payload : {};
  if (key === undefined) return others;
  const next = rest.length === 0 ? value : withValue(before, rest, value);
  const isNothing = next === undefined || (rest.length > 0 && isSchema(next) && Object.keys(next).length === 0);
  if (isNothing) return others;
  // What is changed keeps its place among the others.
  return before === undefined ? { ...others, [key]: next } : { ...(isSchema(payload) ? payload : {}), [key]: next };
}

/** What somebody wrote into a field, as a value; `undefined` where it is empty. */
export function readField(kind: Kind, text: string): unknown {
  const said = text.trim();
  if (said === '') return undefined;
  const lines = () => text.split('\n').filter((line) => line.trim() !== '');
  const number = Number(said);
  switch (kind.of) {
    case 'number':
    case 'either':
      return Number.isFinite(number) ? number : said;
    case 'flag':
      return said === 'true';
    case 'list':
      return lines();
    case 'numbers':
      return lines().map((line) => (Number.isFinite(Number(line)) ? Number(line) : line));
    default:
      return text;
  }
}

/** A value as a field shows it. */
export function writtenField(kind: Kind, value: unknown): string {
  if (value === undefined) return '';
  if ((kind.of === 'list' || kind.of === 'numbers') && Array.isArray(value)) return value.join('\n');
  return typeof value === 'string' && kind.of !== 'json' ? value : JSON.stringify(value);
}

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
