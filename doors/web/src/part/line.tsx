/**
 * A line for the shell that does the same as the page, to be copied.
 */

import { useState } from 'preact/hooks';

export function Line({ line, name = 'command' }: { line: string; name?: string }) {
  const [copied, setCopied] = useState<string>();
  const copy = async () => {
    await navigator.clipboard.writeText(line);
    setCopied(line);
  };
  return (
    <div class="copyable">
      <code>{line}</code>
      <button type="button" aria-label={`Copy the ${name}`} onClick={() => void copy()}>
        {copied === line ? 'Copied' : 'Copy'}
      </button>
    </div>
  );
}
