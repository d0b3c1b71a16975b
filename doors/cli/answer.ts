/**
 * How answers are written, in each form of `--output`: columns for people (`table`, and all of them with `wide`), JSON as
 * one document (`json`) or one object a line (`jsonl`), and names alone (`name`), for `xargs`.
 */

import { redacted } from '../../cluster/redacted.ts';
import { type Column, columns } from './columns.ts';
import type { CommandContext, Output } from './command.ts';

type Asked = Pick<CommandContext, 'terminal' | 'output'>;

export function isJson(output: Output): boolean {
  return output === 'json' || output === 'jsonl';
}

/**
 * One document of JSON: over several lines for people who look at it, in one where each line is one. What is secret in payloads is
 * hidden, unless it is what was asked for.
 */
export function jsonOf(value: unknown, output: Output, { secrets = false }: { secrets?: boolean } = {}): string {
  return JSON.stringify(secrets ? value : redacted(value), undefined, output === 'json' ? 2 : undefined);
}

/** Many things, of which `none` says that there are none. The first column is what each is called. */
export function listed<Row>(
  { terminal, output }: Asked,
  rows: readonly Row[],
  { shape, none }: { shape: readonly Column<Row>[]; none: string },
): void {
  if (output === 'json') return terminal.print(jsonOf(rows, output));
  if (output === 'jsonl') return rows.forEach((row) => void terminal.print(jsonOf(row, output)));
  if (output === 'name') return rows.forEach((row) => void terminal.print(shape[0]?.value(row) ?? ''));
  if (rows.length === 0) return terminal.say(none);
  terminal.print(columns(rows, visible(shape, output), terminal));
}

/** The columns that a table of this form has. */
export function visible<Row>(shape: readonly Column<Row>[], output: Output): readonly Column<Row>[] {
  return output === 'wide' ? shape.map(whole) : shape.filter(({ wide }) => !wide);
}

function whole<Row>({ shrinks: _, ...column }: Column<Row>): Column<Row> {
  return column;
}

/** One thing: what it is called, what people read of it, and all of it. */
export function told(
  { terminal, output }: Asked,
  value: unknown,
  { name, text, secrets = false }: { name: string; text: () => string; secrets?: boolean },
): void {
  if (isJson(output)) terminal.print(jsonOf(value, output, { secrets }));
  else terminal.print(output === 'name' ? name : text());
}
