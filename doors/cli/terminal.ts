/**
 * The two ways out: data on standard output, talk on standard error.
 *
 * Colours follow `node:util`: none where the stream is no terminal or `NO_COLOR` is set. Output that a reader has
 * closed (`yard job list | head`) is no failure.
 */

import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

export interface Terminal {
  /** Data: what a pipe gets. Adds the end of the line. */
  print(text: string): void;
  /** Talk, for people. Adds the end of the line. */
  say(text: string): void;
  /** Writes to standard output as it is: for what is drawn anew in place. */
  draw(text: string): void;
  /** `text` in this style, where standard output shows colours. */
  style(style: Style, text: string): string;
  /** Whether a person looks at standard output. */
  readonly isInteractive: boolean;
  /** The width of a line there; without end where it is no terminal. */
  readonly columns: number;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  stdout.on('error', ignoreClosedPipe);
  return {
    print: (text) => void stdout.write(`${text}\n`),
    say: (text) => void stderr.write(`${text}\n`),
    draw: (text) => void stdout.write(text),
    style: (style, text) => styleText(style, text, { stream: stdout }),
    isInteractive: stdout.isTTY === true,
    get columns() {
      // Some terminals do not tell, or tell 0.
      return stdout.isTTY === true ? stdout.columns || 80 : Number.POSITIVE_INFINITY;
    },
  };
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
}
