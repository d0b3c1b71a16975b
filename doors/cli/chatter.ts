/**
 * What several processes say, on one screen: each line behind the name of its process in a colour of its own.
 *
 * A log line is JSON; people see its message, marked where it is a warning or an error. Other lines stay as they are.
 */

import type { Style, Terminal } from './terminal.ts';

const colours: readonly Style[] = ['cyan', 'magenta', 'green', 'yellow', 'blue', 'red'];
const levels: ReadonlyMap<unknown, Style> = new Map<unknown, Style>([
  ['warn', 'yellow'],
  ['error', 'red'],
  ['debug', 'dim'],
]);

/** Takes lines of all processes and says each. */
export function chatter(terminal: Terminal): (from: string, line: string) => void {
  const names: string[] = [];
  return (from, line) => {
    if (!names.includes(from)) names.push(from);
    const width = Math.max(...names.map((name) => name.length));
    const colour = colours[names.indexOf(from) % colours.length] ?? 'reset';
    terminal.say(`${terminal.style(colour, `${from.padEnd(width)} │`)} ${inWords(line, terminal)}`);
  };
}

function inWords(line: string, terminal: Terminal): string {
  const { level, msg } = fieldsOf(line);
  if (typeof msg !== 'string') return line;
  const style = levels.get(level);
  return style === undefined ? msg : terminal.style(style, msg);
}

function fieldsOf(line: string): { level?: unknown; msg?: unknown } {
  if (!line.startsWith('{')) return {};
  try {
    const json: unknown = JSON.parse(line);
    return typeof json === 'object' && json !== null ? json : {};
  } catch {
    return {};
  }
}
