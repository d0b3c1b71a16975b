/**
 * A button that changes something: asks first where that can't be undone, shows the command that does the same, and says what
 * went wrong. Who may not do it sees why.
 */

import { useState } from 'preact/hooks';
import type { TokenScope } from '../../../../sdk/index.ts';
import { ask, Problem, type Request } from '../ask.ts';
import { reasonAgainst } from '../role.ts';
import { Confirm } from './confirm.tsx';
import { toast } from './toast.tsx';

export interface ActProps extends Omit<Request, 'signal'> {
  label: string;
  path: string;
  /** The same on the command line. */
  command: string;
  /** What is asked before it is done. */
  confirm?: string;
  /** What has to be typed before it is done. */
  typed?: string;
  /** What it takes. */
  needs?: TokenScope;
  /** Why it cannot be done now, in a sentence. */
  hindrance?: string | undefined;
  onDone?(): void;
}

export function Act({
  label,
  path,
  method = 'POST',
  body,
  command,
  confirm,
  typed,
  needs = 'operate',
  ...more
}: ActProps) {
  const [isAsking, setAsking] = useState(false);
  /** What is being done. The page may offer the next thing before the answer to this one is here. */
  const [busy, setBusy] = useState<string>();
  const isBusy = busy === path;
  const [problem, setProblem] = useState<Problem>();
  const against = reasonAgainst(needs) ?? more.hindrance;
  const act = async () => {
    setAsking(false);
    setBusy(path);
    setProblem(undefined);
    try {
      await ask(path, { method, ...(body === undefined ? {} : { body }) });
      toast(`Done: ${command}`);
      more.onDone?.();
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause;
      setProblem(cause);
    }
    setBusy((now) => (now === path ? undefined : now));
  };
  const begin = () => {
    // It is not disabled while it is busy: what is loses the keyboard.
    if (isBusy) return;
    if (confirm === undefined && typed === undefined) void act();
    else setAsking(true);
  };
  return (
    <span class="act">
      <button
        type="button"
        aria-disabled={against !== undefined}
        aria-busy={isBusy}
        title={against ?? command}
        onClick={() => (against === undefined ? begin() : toast(against))}
      >
        {label}
      </button>
      {problem !== undefined && (
        <span class="bad" role="alert">
          {problem.message}
        </span>
      )}
      {isAsking && (
        <Confirm
          title={label}
          verb={label}
          command={command}
          typed={typed}
          onYes={() => void act()}
          onNo={() => setAsking(false)}
        >
          <p>{confirm}</p>
        </Confirm>
      )}
    </span>
  );
}
