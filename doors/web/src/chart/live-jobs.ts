/**
 * The machine of a job while jobs move through it: how many are in each state, and what goes along each wire.
 */

import type { charts } from 'virtual:charts';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useLive } from '../asked.ts';
import { listen } from '../live.ts';
import type { LanesAnswer } from '../page/answer.ts';
import { Flows } from './flows.ts';
import type { Flow } from './statechart.tsx';
import type { Tokens } from './tokens.ts';

type Picture = (typeof charts)['job']['right']['words'];

/** What a statechart of jobs is shown with while they move. `overMs` is over how long what goes along wires is counted. */
export function useLiveJobs(drawing: Picture, overMs: number) {
  const { answer } = useLive<LanesAnswer>('/v1/stats/lanes', 500);
  const [flows, setFlows] = useState<ReadonlyMap<string, Flow>>(new Map());
  const tokens = useRef<Tokens | undefined>(undefined);
  const counted = useMemo(() => new Flows(drawing, overMs), [drawing, overMs]);
  useEffect(() => {
    const stop = listen((news) => {
      for (const [wire, jobs] of counted.add(news)) tokens.current?.send(wire, jobs);
    });
    const timer = window.setInterval(() => setFlows(counted.now()), 500);
    return () => {
      stop();
      window.clearInterval(timer);
    };
  }, [counted]);
  const counts = useMemo(() => {
    if (answer === undefined) return undefined;
    const byState = Map.groupBy<string, LanesAnswer['lanes'][number]>(answer.lanes, ({ state }) => state);
    const jobsIn = (state: string) => (byState.get(state) ?? []).reduce((sum, { count }) => sum + count, 0);
    return new Map(drawing.boxes.filter(({ leaf }) => leaf).map(({ name, path }) => [path, jobsIn(name)]));
  }, [drawing, answer]);
  const onTokens = useCallback((now: Tokens | undefined) => {
    tokens.current = now;
  }, []);
  return { drawing, flows, onTokens, label: 'The machine of a job', ...(counts === undefined ? {} : { counts }) };
}
