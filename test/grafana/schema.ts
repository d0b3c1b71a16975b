/**
 * What is wrong with a dashboard file by Grafana's schema, as the types of its own SDK say it.
 *
 * The file stands as a literal in a program that the compiler checks, so unknown fields count too. In JSON an enum is its value, so
 * enums are read as unions of theirs. What the types leave open (options and queries of a panel) is closed for the kinds that ours have.
 */

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';

const root = resolve(import.meta.dirname, '../..');
const name = join(root, 'test/grafana/checked.ts');
const sdk = '@grafana/grafana-foundation-sdk';

const program = (json: string) => `
import type { Dashboard, FieldConfigSource, Panel } from '${sdk}/dashboard';
import type { Dataquery } from '${sdk}/prometheus';
import type { Options as Stat } from '${sdk}/stat';
import type { FieldConfig, Options as Timeseries } from '${sdk}/timeseries';
type Query = Omit<Dataquery, \`_implements\${string}\` & keyof Dataquery>;
type Of<Type, Options, Custom> = Omit<Panel, 'type' | 'options' | 'targets' | 'fieldConfig'> & {
  type: Type;
  options?: Partial<Options>;
  targets: Query[];
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & { defaults: Omit<FieldConfigSource['defaults'], 'custom'> & { custom?: Custom } };
};
type Known = Of<'stat', Stat, never> | Of<'timeseries', Timeseries, FieldConfig>;
export const checked: Omit<Dashboard, 'panels'> & { panels: Known[] } = ${json};
`;

/** Sentences of the compiler; none where the file is as it must be. */
export function wrongBySchema(json: string): readonly string[] {
  const options: ts.CompilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, exactOptionalPropertyTypes: false, types: [] },
    ...{
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      target: ts.ScriptTarget.ESNext,
    },
  };
  const host = ts.createCompilerHost(options);
  const text = (file: string) => (file === name ? program(json) : withoutEnums(file));
  host.getSourceFile = (file, version) => ts.createSourceFile(file, text(file), version);
  host.fileExists = (file) => file === name || ts.sys.fileExists(file);
  const checked = ts.createProgram([name], options, host);
  return checked
    .getSemanticDiagnostics(checked.getSourceFile(name))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}

function withoutEnums(file: string): string {
  const text = readFileSync(file, 'utf8');
  if (!file.includes(sdk)) return text;
  return text.replaceAll(/export declare enum (\w+) \{([^}]*)\}/g, (_, enumName: string, members: string) => {
    const values = [...members.matchAll(/=\s*("[^"]*"|-?\d+)/g)].map(([, value]) => value);
    return `export type ${enumName} = ${values.join(' | ')};`;
  });
}
