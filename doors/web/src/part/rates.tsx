/**
 * How many jobs are submitted, completed and failed a second, over the last two minutes, from the news.
 */

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { listen, type News } from '../live.ts';
import { moment } from '../moment.ts';
import { isDark } from '../theme.ts';

const seconds = 120;
const atLeast = 20;
const drawn = [
  { name: 'submitted', css: '--blue' },
  { name: 'completed', css: '--green' },
  { name: 'failed', css: '--red' },
] as const;

export function Rates() {
  const place = useRef<HTMLDivElement>(null);
  const dark = isDark.value;
  useEffect(() => {
    if (place.current === null) return;
    const chart = new uPlot(optionsFor(place.current), new Window().data(), place.current);
    const window_ = new Window();
    const stop = listen((news) => {
      for (const one of news) window_.count(one);
    });
    const timer = window.setInterval(() => chart.setData(window_.data()), 1_000);
    const resized = new ResizeObserver(([entry]) =>
      chart.setSize({ width: entry?.contentRect.width ?? 600, height: 150 }),
    );
    resized.observe(place.current);
    return () => {
      stop();
      window.clearInterval(timer);
      resized.disconnect();
      chart.destroy();
    };
  }, [dark]);
  return (
    <div
      ref={place}
      class="rates"
      role="img"
      aria-label="Jobs submitted, completed and failed a second, last two minutes"
    />
  );
}

/** Counts by second; the present one is not shown, since it is not over. */
class Window {
  readonly #bySecond = new Map<number, [submitted: number, completed: number, failed: number]>();
  /** Before it nothing was counted here, which is not the same as nothing. */
  readonly #since = Math.floor(Date.now() / 1_000);

  /** By the moment at which it happened: what was missed is told later. */
  count({ from, to, at }: News): void {
    const second = Math.floor(Math.min(at, Date.now()) / 1_000);
    const counts = this.#bySecond.get(second) ?? [0, 0, 0];
    if (from === '' || from === 'submitted') counts[0] += 1;
    if (to === 'completed') counts[1] += 1;
    if (to === 'failed') counts[2] += 1;
    this.#bySecond.set(second, counts);
  }

  data(): uPlot.AlignedData {
    const now = Math.floor(Date.now() / 1_000);
    for (const second of this.#bySecond.keys()) if (second < now - seconds) this.#bySecond.delete(second);
    const shown = Math.min(seconds, Math.max(atLeast, now - this.#since));
    const times = Array.from({ length: shown }, (_, at) => now - shown + at);
    const unknown = (second: number) => (second < this.#since ? null : 0);
    const series = (at: 0 | 1 | 2) => times.map((second) => this.#bySecond.get(second)?.[at] ?? unknown(second));
    return [times, series(0), series(1), series(2)];
  }
}

function optionsFor(place: HTMLElement): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (css: string) => style.getPropertyValue(css).trim();
  const axis = { stroke: colour('--dim'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
  return {
    width: place.clientWidth,
    height: 150,
    legend: { show: true },
    cursor: { y: false },
    scales: { y: { range: (_, __, max) => [0, Math.max(5, max * 1.1)] } },
    axes: [
      { ...axis, space: 90, values: (_, splits) => splits.map(clockOf) },
      { ...axis, size: 44 },
    ],
    series: [
      { label: '', value: (_, at) => (at === null ? '' : clockOf(at)) },
      ...drawn.map(({ name, css }) => ({
        label: `${name}/s`,
        value: (_: uPlot, value: number | null) => value ?? '',
        stroke: colour(css),
        width: 1.6,
        points: { show: false },
      })),
    ],
  };
}

/** `hh:mm:ss`, by the clock that the pages go by. */
function clockOf(seconds: number): string {
  return moment(1_000 * seconds).slice(11, 19);
}
