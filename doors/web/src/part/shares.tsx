/**
 * Shares of a whole as one bar: each part has the colour of its name, and says on pointing how many it is.
 */

export interface SharesProps {
  label: string;
  /** `name` is a class that has a colour, such as `state-failed`. */
  parts: readonly { name: string; jobs: number }[];
}

export function Shares({ label, parts }: SharesProps) {
  const all = parts.reduce((sum, { jobs }) => sum + jobs, 0);
  let from = 0;
  const told = parts.filter(({ jobs }) => jobs > 0).map(({ name, jobs }) => `${wordOf(name)} ${jobs}`);
  return (
    <svg
      class="shares"
      viewBox="0 0 1000 10"
      preserveAspectRatio="none"
      role="img"
      aria-label={`${label}: ${told.join(', ') || 'none'}`}
    >
      {all === 0
        ? null
        : parts.map(({ name, jobs }) => {
            const [x, width] = [(1_000 * from) / all, (1_000 * jobs) / all];
            from += jobs;
            return (
              <rect key={name} class={name} x={x} y={0} width={width} height={10}>
                <title>{`${wordOf(name)}: ${jobs.toLocaleString('en')}`}</title>
              </rect>
            );
          })}
    </svg>
  );
}

function wordOf(name: string): string {
  return name.slice(name.indexOf('-') + 1);
}
