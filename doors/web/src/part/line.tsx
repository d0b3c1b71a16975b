/**
 * A line for the shell that does the same as the page, to be copied.
 */

import { copy } from './toast.tsx';

export function Line({ line, name = 'command' }: { line: string; name?: string }) {
  return (
    <div class="copyable">
      <code>{line}</code>
      <button type="button" aria-label={`Copy the ${name}`} onClick={() => void copy(line)}>
        Copy
      </button>
    </div>
  );
}
