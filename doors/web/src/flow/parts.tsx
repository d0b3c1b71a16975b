/**
 * A bar within the picture, whose parts have the colours of the states.
 */

/** How many are in each state, as a bar within a picture. `counts` stand in it in their order. */
export function Parts({
  counts,
  ...place
}: { counts: readonly (readonly [state: string, count: number])[] } & {
  x: number;
  y: number;
  width: number;
  height: number;
}) {
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
