/**
 * How many are in each state, as a bar whose parts have the colours of the states.
 */

export interface BarProps {
  /** By state, in the order in which they stand in the bar. */
  counts: readonly (readonly [state: string, count: number])[];
  label: string;
}

export function StateBar({ counts, label }: BarProps) {
  return (
    <svg class="state-bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={label}>
      <Parts counts={counts} x={0} y={0} width={100} height={8} />
    </svg>
  );
}

/** The parts alone, for a picture that is there. */
export function Parts({
  counts,
  ...place
}: Pick<BarProps, 'counts'> & { x: number; y: number; width: number; height: number }) {
  const { x, y, width, height } = place;
  const whole = Math.max(
    1,
    counts.reduce((sum, [, count]) => sum + count, 0),
  );
  let from = 0;
  return (
    <g>
      <rect class="bar-ground" {...place} />
      {counts.map(([state, count]) => {
        const part = (count / whole) * width;
        from += part;
        return <rect key={state} class={`part part-${state}`} x={x + from - part} y={y} width={part} height={height} />;
      })}
    </g>
  );
}
