/**
 * A question that is asked again and again while somebody looks: the last answer, what went wrong, and since when.
 */

import { useCallback, useEffect, useState } from 'preact/hooks';
import { ask, type Problem } from './ask.ts';

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
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (path === undefined) return;
    const left = new AbortController();
    let timer = 0;
    const look = async () => {
      if (!document.hidden)
        await ask<Answer>(path, { signal: left.signal }).then(
          (answer) => setState({ answer, problem: undefined, at: Date.now() }),
          (problem: Problem) => left.signal.aborted || setState((before) => ({ ...before, problem })),
        );
      if (!left.signal.aborted) timer = window.setTimeout(look, everyMs);
    };
    void look();
    return () => {
      left.abort();
      window.clearTimeout(timer);
    };
  }, [path, everyMs, round]);
  return { ...state, again: useCallback(() => setRound((before) => before + 1), []) };
}
