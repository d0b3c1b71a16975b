/**
 * A button that changes something: asks first where that can't be undone, shows the command that does the same, and says what
 * went wrong.
 */

import { useState } from 'preact/hooks';
import { ask, Problem, type Request } from '../ask.ts';

export interface ActProps extends Omit<Request, 'signal'> {
  label: string;
  path: string;
  /** The same on the command line. */
  command: string;
  /** What is asked before it is done. */
  confirm?: string;
  onDone?(): void;
}

export function Act({ label, path, method = 'POST', body, command, confirm, onDone }: ActProps) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const act = async () => {
    if (confirm !== undefined && !window.confirm(`${confirm}\n\n${command}`)) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await ask(path, { method, ...(body === undefined ? {} : { body }) });
      onDone?.();
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause;
      setProblem(cause);
    }
    setBusy(false);
  };
  return (
    <span class="act">
      <button type="button" disabled={isBusy} title={command} onClick={() => void act()}>
        {label}
      </button>
      {problem !== undefined && (
        <span class="bad" role="alert">
          {problem.message}
        </span>
      )}
    </span>
  );
}
