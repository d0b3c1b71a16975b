/**
 * A question that is asked again and again while somebody looks: the last answer, what went wrong, and since when.
 */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ask, type Problem } from './ask.ts';
import { listen, type News } from './live.ts';

export interface Asked<Answer> {
  answer: Answer | undefined;
  problem: Problem | undefined;
  /** When the last answer came, epoch ms. */
  at: number;
  again(): void;
}

/** Asks for `path` now and every `everyMs`; not while the page is hidden. `undefined` asks nothing. */
export function useAsked<Answer>(path: string | undefined, everyMs = 2_000): Asked<Answer> {
  const [state, setState] = useState<Omit<Asked<Answer>, 'again'>>({ answer: undefined, problem: undefined, at: 0 });
  const nudge = useRef<() => void>(() => {});
  useEffect(() => {
    if (path === undefined) return;
    const left = new AbortController();
    const question = () =>
      ask<Answer>(path, { signal: left.signal }).then(
        (answer) => setState({ answer, problem: undefined, at: Date.now() }),
        (problem: Problem) => left.signal.aborted || setState((before) => ({ ...before, problem })),
      );
    const asking = new Asking(question, everyMs);
    nudge.current = () => asking.now();
    document.addEventListener('visibilitychange', nudge.current);
    asking.now();
    return () => {
      document.removeEventListener('visibilitychange', nudge.current);
      left.abort();
      asking.stop();
    };
  }, [path, everyMs]);
  return { ...state, again: useCallback(() => nudge.current(), []) };
}

/** One question at a time: who wants an answer meanwhile gets the next one. */
class Asking {
  readonly #question: () => Promise<unknown>;
  readonly #everyMs: number;
  #timer = 0;
  #isAsking = false;
  #isWanted = false;
  #isOver = false;

  constructor(question: () => Promise<unknown>, everyMs: number) {
    this.#question = question;
    this.#everyMs = everyMs;
  }

  now(): void {
    this.#isWanted = true;
    if (!this.#isAsking) void this.#ask();
  }

  stop(): void {
    this.#isOver = true;
    window.clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    window.clearTimeout(this.#timer);
    this.#isAsking = true;
    while (this.#isWanted && !this.#isOver) {
      this.#isWanted = false;
      if (!document.hidden) await this.#question();
    }
    this.#isAsking = false;
    if (!this.#isOver) this.#timer = window.setTimeout(() => this.now(), this.#everyMs);
  }
}

/** How often what is live is asked for though nothing was heard. */
const anywayMs = 15_000;

/**
 * Asks for `path` now, and whenever there is news of a job that `concerns` it, but not more often than every `leastMs`.
 */
export function useLive<Answer>(
  path: string | undefined,
  leastMs: number,
  concerns: (news: News) => boolean = isNews,
): Asked<Answer> {
  const asked = useAsked<Answer>(path, anywayMs);
  const { again } = asked;
  useEffect(() => {
    let [timer, last] = [0, 0];
    const due = () => {
      [timer, last] = [0, performance.now()];
      again();
    };
    const stop = listen((news) => {
      if (timer === 0 && (news.length === 0 || news.some(concerns)))
        timer = window.setTimeout(due, Math.max(0, last + leastMs - performance.now()));
    });
    return () => {
      stop();
      window.clearTimeout(timer);
    };
  }, [path, leastMs, concerns, again]);
  return asked;
}

const isNews = () => true;

/** Asks again while something runs: its progress goes through the record now and then, and is no transition. */
export function useProgress(isRunning: boolean, again: () => void): void {
  useEffect(() => {
    if (!isRunning) return;
    const timer = window.setInterval(again, 1_500);
    return () => window.clearInterval(timer);
  }, [isRunning, again]);
}
