/**
 * Bytes of a child become lines, as they come.
 *
 * Knows UTF-8 that is cut in the middle, `\r` as a line end (progress meters), and programs that never end a
 * line: such a line is cut at `longest` characters. `Tail` keeps the last of what went by, for results and errors.
 */

import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const longest = 8192;

/** Calls `take` for each line of `stream`, without its end; empty lines are left out. */
export function readLines(stream: Readable, take: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const feed = (text: string) => {
    const lines = (rest + text).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') take(line);
    while (rest.length > longest) {
      take(rest.slice(0, longest));
      rest = rest.slice(longest);
    }
  };
  stream.on('data', (chunk: Buffer) => feed(decoder.write(chunk)));
  stream.once('end', () => feed(`${decoder.end()}\n`));
  stream.on('error', () => {}); // A pipe that breaks ends with its process, whose exit is what counts.
}

/** The last `limit` characters of the lines added, cut at a line. */
export class Tail {
  readonly #limit: number;
  readonly #lines: string[] = [];
  #size = 0;

  constructor(limit = 4096) {
    this.#limit = limit;
  }

  add(line: string): void {
    const kept = line.slice(-this.#limit);
    this.#lines.push(kept);
    this.#size += kept.length + 1;
    while (this.#size > this.#limit + 1) this.#size -= (this.#lines.shift() ?? '').length + 1;
  }

  get text(): string {
    return this.#lines.join('\n');
  }
}
