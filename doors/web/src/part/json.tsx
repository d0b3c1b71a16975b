/**
 * A value as indented JSON.
 */

export function Json({ value }: { value: unknown }) {
  if (value === undefined || value === null) return <p class="empty">Nothing.</p>;
  return (
    <pre class="json" tabIndex={0}>
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}
