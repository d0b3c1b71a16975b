/**
 * Questions to whoever answers them: the first answer counts, and where nobody answers there is none.
 */

import { Fault, messageOf } from '../faults.ts';
import type { Desk } from '../ports.ts';
import { carried } from './channel.ts';
import type { Link } from './link.ts';

interface Clerk {
  link: Link;
  how: (ask: unknown) => unknown;
}

interface Reply {
  answer?: unknown;
  fault?: Fault;
}

export class DeskRoom {
  readonly #clerks = new Map<string, Set<Clerk>>();

  /** The desk as the node at the other end of `link` sees it. */
  over(link: Link): Desk {
    return {
      answer: async (question, how) => {
        const clerk: Clerk = { link, how };
        const clerks = this.#clerksFor(question);
        await link.call(() => void clerks.add(clerk));
        return async () => void clerks.delete(clerk);
      },
      ask: (question, ask, timeoutMs) => this.#ask({ link, question, ask, timeoutMs }),
    };
  }

  #clerksFor(question: string): Set<Clerk> {
    const clerks = this.#clerks.get(question) ?? new Set();
    this.#clerks.set(question, clerks);
    return clerks;
  }

  #ask(asked: { link: Link; question: string; ask: unknown; timeoutMs: number }): Promise<unknown> {
    const { link, question, timeoutMs } = asked;
    const ask: unknown = carried(asked.ask ?? null);
    return new Promise((resolve, reject) => {
      const giveUp = link.clock.after(timeoutMs, () => resolve(undefined));
      const hear = ({ answer, fault }: Reply) => {
        giveUp();
        if (fault === undefined) resolve(answer);
        else reject(fault);
      };
      link.send('message', () => {
        const clerks = this.#clerksFor(question);
        if (clerks.size === 0) link.deliver('message', () => hear({}));
        for (const clerk of clerks) this.#pass(clerk, ask, (reply) => link.deliver('message', () => hear(reply)));
      });
    });
  }

  #pass({ link, how }: Clerk, ask: unknown, reply: (reply: Reply) => void): void {
    link.deliver('message', () => {
      void replyOf(how, carried(ask)).then((made) => link.send('message', () => reply(made)));
    });
  }
}

async function replyOf(how: Clerk['how'], ask: unknown): Promise<Reply> {
  try {
    const answer = await how(ask);
    return answer === undefined ? {} : { answer: carried(answer) };
  } catch (cause) {
    return { fault: new Fault(cause instanceof Fault ? cause.code : 'broker.refused', messageOf(cause)) };
  }
}
