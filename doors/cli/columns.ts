/**
 * Writes rows as columns, as wide as what is in them: plain text that people read and `awk` splits.
 */

import type { Style, Terminal } from './terminal.ts';

export interface Column<Row> {
  title: string;
  value: (row: Row) => string;
  align?: 'right';
  /** Gives way where the line is too narrow; what people copy, such as ids, never does. */
  shrinks?: true;
  style?: (row: Row) => Style;
  /** Shown only to who asks for all (`-o wide`). */
  wide?: true;
}

const gap = '  ';

/** The lines of a table with a line of titles. On a terminal, columns that may give way are cut to its width. */
export function columns<Row>(rows: readonly Row[], shape: readonly Column<Row>[], terminal: Terminal): string {
  const fitted = shrunk(shape, widthsOf(rows, shape), terminal.columns);
  return [titlesOf(shape, fitted, terminal), ...rows.map((row) => lineOf(row, shape, { fitted, terminal }))].join('\n');
}

/** The lines of rows that come after a table, under its columns as far as they fit there; where it had no rows, the first has titles. */
export function continued<Row>(
  rows: readonly Row[],
  shape: readonly Column<Row>[],
  terminal: Terminal,
): (row: Row, shape: readonly Column<Row>[]) => string {
  let widths = widthsOf(rows, shape);
  let isFirst = rows.length === 0;
  return (row, now) => {
    widths = widthsOf([row], now).map((width, at) => Math.max(width, widths[at] ?? 0));
    const fitted = shrunk(now, widths, terminal.columns);
    const line = lineOf(row, now, { fitted, terminal });
    const text = isFirst ? `${titlesOf(now, fitted, terminal)}\n${line}` : line;
    isFirst = false;
    return text;
  };
}

function widthsOf<Row>(rows: readonly Row[], shape: readonly Column<Row>[]): readonly number[] {
  return shape.map(({ title, value }) => Math.max(title.length, ...rows.map((row) => value(row).length)));
}

function titlesOf<Row>(shape: readonly Column<Row>[], fitted: readonly number[], terminal: Terminal): string {
  const cells = shape.map(({ title, align }, at) => terminal.style('dim', cell(title, fitted[at] ?? 0, align)));
  return cells.join(gap).trimEnd();
}

function lineOf<Row>(
  row: Row,
  shape: readonly Column<Row>[],
  { fitted, terminal }: { fitted: readonly number[]; terminal: Terminal },
): string {
  const cells = shape.map((column, at) =>
    styled(column, row, cell(column.value(row), fitted[at] ?? 0, column.align), terminal),
  );
  return cells.join(gap).trimEnd();
}

/** Names and what they are, one a line. */
export function facts(pairs: readonly (readonly [string, string | undefined])[], terminal: Terminal): string {
  const known = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined);
  const width = Math.max(...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${terminal.style('dim', name.padEnd(width))}${gap}${value}`).join('\n');
}

function styled<Row>({ style }: Column<Row>, row: Row, text: string, terminal: Terminal): string {
  return style === undefined ? text : terminal.style(style(row), text);
}

function cell(text: string, width: number, align: 'right' | undefined): string {
  const cut = text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
  return align === 'right' ? cut.padStart(width) : cut.padEnd(width);
}

/** Of the columns that may give way, the widest do until the line fits, none below eight characters. */
function shrunk<Row>(shape: readonly Column<Row>[], widths: readonly number[], most: number): readonly number[] {
  const fitted = [...widths];
  for (;;) {
    const excess = fitted.reduce((sum, width) => sum + width, gap.length * (fitted.length - 1)) - most;
    const widest = Math.max(0, ...fitted.filter((_, at) => shape[at]?.shrinks === true));
    if (excess <= 0 || widest <= 8) return fitted;
    const at = fitted.findIndex((width, index) => width === widest && shape[index]?.shrinks === true);
    fitted[at] = Math.max(8, widest - excess);
  }
}
