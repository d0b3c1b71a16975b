/**
 * Lists that can be watched: `--watch` shows one anew every second, over one connection, until a person has seen enough.
 *
 * On a terminal each list takes the place of the one before; elsewhere they follow one another, and as JSON each row is
 * one line.
 */

import type { Command } from 'commander';
import type { CommandContext } from './command.ts';
import { interruptSignal } from './interrupt.ts';
import type { Terminal } from './terminal.ts';

type List = (command: Command, context: CommandContext) => Promise<void>;

const everyMs = 1_000;
const clearScreen = '\u001B[2J\u001B[H';

/** Lets a command list once, or over and over. */
export function watchable(command: Command, context: CommandContext, list: List): Command {
  return command
    .option('-w, --watch', 'Shows it anew every second.')
    .action(({ watch }: { watch?: boolean }, own: Command) =>
      watch === true ? over(list, own, context) : list(own, context),
    );
}

async function over(list: List, command: Command, context: CommandContext): Promise<void> {
  const { rest, monotonicMs } = await import('../../cluster/pace.ts');
  const signal = interruptSignal();
  await context.withYard(command, async (yard) => {
    while (!signal.aborted) {
      const startedAt = monotonicMs();
      const pages: string[] = [];
      await list(command, {
        ...context,
        output: context.output === 'json' ? 'jsonl' : context.output,
        terminal: gathering(context.terminal, pages),
        withYard: (_, what) => what(yard),
      });
      show(pages, context.terminal);
      const tookMs = monotonicMs() - startedAt;
      await rest(Math.max(everyMs - tookMs, tookMs), signal);
    }
  });
}

/** What is said is part of the picture, such as that there is none. */
function gathering(terminal: Terminal, pages: string[]): Terminal {
  const { isInteractive, columns } = terminal;
  return {
    print: (text) => void pages.push(text),
    say: (text) => (isInteractive ? void pages.push(text) : terminal.say(text)),
    draw: (text) => void pages.push(text),
    style: (style, text) => terminal.style(style, text),
    isInteractive,
    columns,
  };
}

function show(pages: readonly string[], terminal: Terminal): void {
  const page = pages.join('\n');
  if (terminal.isInteractive) terminal.draw(`${clearScreen}${page}\n`);
  else if (page !== '') terminal.print(page);
}
