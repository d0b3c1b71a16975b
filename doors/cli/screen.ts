/**
 * The whole terminal, for a program that draws it anew: a screen beside the one with the shell's lines, which comes back
 * untouched at the end. Promises that the terminal is as it was, however the program ends in order.
 */

import { stripVTControlCharacters } from 'node:util';

/** One that is open. */
export interface Screen extends Disposable {
  readonly columns: number;
  readonly rows: number;
  /** Draws these lines from the top, each cut to the width; what does not fit below is left out. */
  draw(lines: readonly string[]): void;
  /** Calls back with each key that is pressed, and with `resize` when the size has changed. */
  onKey(listener: (key: string) => void): void;
}

const control = '\u001B[';
const alternate = { enter: `${control}?1049h${control}?25l`, leave: `${control}?25h${control}?1049l` };
const clearLine = `${control}K`;
const clearBelow = `${control}J`;
const home = `${control}H`;

/** Takes over the terminal of this process. */
export function openScreen(): Screen {
  const { stdin, stdout } = process;
  const listeners: ((key: string) => void)[] = [];
  const tell = (key: string) => listeners.forEach((listener) => void listener(key));
  const onData = (data: Buffer) => tell(data.toString('utf8'));
  const onResize = () => tell('resize');
  const isRaw = stdin.isTTY === true;
  if (isRaw) stdin.setRawMode(true).on('data', onData).resume();
  stdout.on('resize', onResize);
  stdout.write(alternate.enter);
  return {
    get columns() {
      return stdout.columns || 80;
    },
    get rows() {
      return stdout.rows || 24;
    },
    draw(lines) {
      const shown = lines.slice(0, this.rows).map((line) => `${clipped(line, this.columns)}${clearLine}`);
      stdout.write(`${home}${shown.join('\r\n')}${clearBelow}`);
    },
    onKey: (listener) => void listeners.push(listener),
    [Symbol.dispose]() {
      stdout.off('resize', onResize);
      stdout.write(alternate.leave);
      if (isRaw) stdin.off('data', onData).setRawMode(false).pause();
    },
  };
}

/** A line of at most so many characters; what styles it takes up none, and ends with it. */
export function clipped(line: string, columns: number): string {
  if (stripVTControlCharacters(line).length <= columns) return line;
  let kept = '';
  let width = 0;
  for (let at = 0; at < line.length; at++) {
    const end = line.startsWith(control, at) ? line.indexOf('m', at) : -1;
    if (end === -1 && width === columns - 1) break;
    if (end === -1) width++;
    kept += end === -1 ? line[at] : line.slice(at, end + 1);
    at = Math.max(at, end);
  }
  return `${kept}…${kept.includes(control) ? `${control}0m` : ''}`;
}
