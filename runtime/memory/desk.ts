/**
 * Questions to whoever answers them: the first answer counts, or all that come in time; where nobody answers there
 * is none.
 */

import { Fault, messageOf } from '../faults.ts';
import type { Desk } from '../ports.ts';
import { carried } from './channel.ts';
import type { Link } from './link.ts';

/** Where all are asked, so long after an answer no other one is waited for. */
const stallMs = 300;

interface Clerk {
  link: Link;
  how: (ask: unknown) => unknown;
}

interface Asked {
  link: Link;
  question: string;
  ask: unknown;
  timeoutMs: number;
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
      askAll: (question, ask, timeoutMs) => this.#askAll({ link, question, ask, timeoutMs }),
    };
  }

  #clerksFor(question: string): Set<Clerk> {
    const clerks = this.#clerks.get(question) ?? new Set();
    this.#clerks.set(question, clerks);
    return clerks;
  }

  #ask(asked: Asked): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const giveUp = asked.link.clock.after(asked.timeoutMs, () => resolve(undefined));
      this.#carry(asked, ({ answer, fault }) => {
        giveUp();
        if (fault === undefined) resolve(answer);
        else reject(fault);
      });
    });
  }

  #askAll(asked: Asked): Promise<readonly unknown[]> {
    const { clock } = asked.link;
    const answers: unknown[] = [];
    return new Promise((resolve) => {
      const end = () => resolve(answers);
      clock.after(asked.timeoutMs, end);
      let stalls = () => {};
      this.#carry(asked, ({ answer }) => {
        if (answer === undefined) return;
        answers.push(answer);
        stalls();
        stalls = clock.after(stallMs, end);
      });
    });
  }

  #carry({ link, question, ask }: Asked, hear: (reply: Reply) => void): void {
    const copy: unknown = carried(ask ?? null);
    link.send('message', () => {
      const clerks = this.#clerksFor(question);
      if (clerks.size === 0) link.deliver('message', () => hear({}));
      for (const clerk of clerks) this.#pass(clerk, copy, (reply) => link.deliver('message', () => hear(reply)));
    });
  }

  #pass({ link, how }: Clerk, ask: unknown, reply: (reply: Reply) => void): void {
    link.deliver('message', () => {
      void replyOf(how, ask).then((made) => link.send('message', () => reply(made)));
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
