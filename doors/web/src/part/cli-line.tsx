/**
 * The command that does the same, to be copied.
 */

import { copy } from './toast.tsx';

export function CliLine({ command }: { command: string }) {
  return (
    <div class="cli-line">
      <code>{command}</code>
      <button type="button" onClick={() => void copy(command)}>
        Copy
      </button>
    </div>
  );
}
