/**
 * Values of a JSON schema, and values that are wrong in one place: of the small part of JSON Schema that the API speaks.
 *
 * What a text means is not in a schema: properties whose texts have a grammar are given by name.
 */

import fc from 'fast-check';
import { z } from 'zod';

export const jsonSchema = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  const: z.unknown().optional(),
  enum: z.array(z.unknown()).optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
  items: z.unknown().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).default([]),
  additionalProperties: z.unknown().optional(),
  minimum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  maximum: z.number().optional(),
  minItems: z.number().optional(),
  minLength: z.number().optional(),
  maxLength: z.number().optional(),
  pattern: z.string().optional(),
});

type Schema = z.infer<typeof jsonSchema>;

/** Good and wrong values of a property that a schema tells too little of. */
export interface Words {
  good: readonly unknown[];
  wrong: readonly unknown[];
}

/** A value that is wrong in one place, which the problem has to name. */
export interface Broken {
  value: unknown;
  path: string;
}

export class FromSchema {
  readonly #components: Readonly<Record<string, unknown>>;
  readonly #words: Readonly<Record<string, Words>>;

  constructor(components: Readonly<Record<string, unknown>>, words: Readonly<Record<string, Words>>) {
    this.#components = components;
    this.#words = words;
  }

  read(raw: unknown): Schema {
    const schema = jsonSchema.parse(raw);
    return schema.$ref === undefined ? schema : this.read(this.#components[schema.$ref.split('/').at(-1) ?? '']);
  }

  /** Any value of it. */
  good(raw: unknown, name = ''): fc.Arbitrary<unknown> {
    const words = this.#words[name];
    if (words !== undefined) return fc.constantFrom(...words.good);
    const schema = this.read(raw);
    if (schema.const !== undefined) return fc.constant(schema.const);
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    const shapes = schema.anyOf ?? schema.oneOf;
    if (shapes !== undefined) return fc.oneof(...shapes.map((each) => this.good(each)));
    const types = [schema.type ?? 'any'].flat();
    return fc.oneof(...types.map((type) => this.#goodOf(type, schema)));
  }

  #goodOf(type: string, schema: Schema): fc.Arbitrary<unknown> {
    const { minimum = 0, maximum = 1_000_000, exclusiveMinimum } = schema;
    switch (type) {
      case 'null':
        return fc.constant(null);
      case 'boolean':
        return fc.boolean();
      case 'integer':
        return fc.integer({ min: exclusiveMinimum === undefined ? minimum : exclusiveMinimum + 1, max: maximum });
      case 'number':
        return fc.double({
          min: exclusiveMinimum === undefined ? minimum : exclusiveMinimum + 0.1,
          max: maximum,
          noNaN: true,
        });
      case 'string':
        return this.#goodText(schema);
      case 'array':
        return fc.array(this.good(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: 3 });
      case 'object':
        return this.goodObject(schema);
      default:
        return fc.jsonValue();
    }
  }

  #goodText({ pattern, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
    if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
    return fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 40) });
  }

  goodObject({ properties = {}, required }: Schema): fc.Arbitrary<Record<string, unknown>> {
    const fields = Object.entries(properties).map(([name, each]) => [name, this.good(each, name)] as const);
    return fc.record(Object.fromEntries(fields), { requiredKeys: required });
  }

  /** An object of it that is wrong in one of its fields, lacks one, or has one too many. */
  brokenObject(schema: Schema): fc.Arbitrary<Broken> {
    const { properties = {}, required } = schema;
    const good = this.goodObject(schema);
    const wrongs = Object.entries(properties).flatMap(([name, each]) => {
      const wrong = this.wrong(each, name);
      return wrong === undefined ? [] : [fc.tuple(good, wrong).map(([value, bad]) => broken(value, name, bad))];
    });
    const lacking = required.map((name) => good.map(({ [name]: _, ...value }) => ({ value, path: `/${name}` })));
    const closed = schema.additionalProperties === false;
    const unknown = closed ? [good.map((value) => broken(value, 'prioritty', 'high'))] : [];
    return fc.oneof(...wrongs, ...lacking, ...unknown);
  }

  /** A value that is none of it, where there are any. */
  wrong(raw: unknown, name = ''): fc.Arbitrary<unknown> | undefined {
    const words = this.#words[name];
    if (words !== undefined) return words.wrong.length === 0 ? undefined : fc.constantFrom(...words.wrong);
    const kinds = this.#kinds(raw);
    if (kinds.has('any')) return undefined;
    const others = Object.entries(samples).filter(([kind]) => !kinds.has(kind));
    return others.length === 0 ? undefined : fc.constantFrom(...others.map(([, sample]) => sample));
  }

  #kinds(raw: unknown): ReadonlySet<string> {
    const { const: only, enum: values, anyOf, oneOf, type = 'any' } = this.read(raw);
    if (only !== undefined) return new Set([typeof only]);
    // A number or a text that is none of an enum is covered by what is of no kind of it.
    if (values !== undefined) return new Set(values.map((value) => (value === null ? 'null' : typeof value)));
    const shapes = anyOf ?? oneOf;
    if (shapes !== undefined) return new Set(shapes.flatMap((each) => [...this.#kinds(each)]));
    return new Set([type].flat().flatMap((each) => (each === 'integer' ? ['integer', 'number'] : [each])));
  }
}

const samples: Readonly<Record<string, unknown>> = {
  null: null,
  boolean: true,
  number: 7.5,
  string: 'some text',
  array: [{}],
  object: { a: 1 },
};

function broken(value: Record<string, unknown>, name: string, bad: unknown): Broken {
  return { value: { ...value, [name]: bad }, path: `/${name}` };
}
