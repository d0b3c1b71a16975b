/**
 * Log lines as people read them on a terminal: the time, how loud, the sentence, and what is good for looking further.
 *
 * Knows the JSON that `log.ts` writes, and leaves colours to whoever hands them in. What is no such line stays as it is.
 */

import type { DestinationStream } from 'pino';

export type Style = 'red' | 'yellow' | 'cyan' | 'dim';

export interface PrettyOptions {
  write(text: string): void;
  style(style: Style, text: string): string;
}

const styles: Readonly<Record<string, Style>> = { error: 'red', warn: 'yellow', info: 'cyan', debug: 'dim' };
/** In the sentence already, or the same in every line. */
const told = new Set(['level', 'time', 'role', 'process', 'event', 'msg', 'key']);

/** Where a log may write its JSON. */
export function prettyLines({ write, style }: PrettyOptions): DestinationStream {
  return { write: (line) => write(`${pretty(line.trimEnd(), style)}\n`) };
}

function pretty(line: string, style: PrettyOptions['style']): string {
  const fields = fieldsIn(line);
  const { level, time, msg, role, process } = fields;
  if (typeof level !== 'string' || typeof time !== 'number' || typeof msg !== 'string') return line;
  const rest = Object.entries(fields).filter(([name, value]) => !told.has(name) && !isSaid(value, msg));
  const more = rest.map(
    ([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
  );
  return [
    style('dim', new Date(time).toISOString().slice(11, 23)),
    style(styles[level] ?? 'dim', level.padEnd(5)),
    style('dim', `${String(role)} ${String(process)}`),
    msg,
    ...(more.length === 0 ? [] : [style('dim', more.join(' '))]),
  ].join('  ');
}

function isSaid(value: unknown, msg: string): boolean {
  return typeof value === 'object' ? msg.includes(': ') : msg.includes(String(value));
}

function fieldsIn(line: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(line);
    return typeof json === 'object' && json !== null ? { ...json } : {};
  } catch {
    return {};
  }
}
