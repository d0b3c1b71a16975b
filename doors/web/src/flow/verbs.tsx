/**
 * What can be done to a workflow as a whole.
 */

import type { WorkflowSummary } from '../../../../sdk/index.ts';
import { Act } from '../part/act.tsx';
import { commandLine } from '../shell.ts';

interface VerbsProps {
  workflow: Pick<WorkflowSummary, 'id' | 'state' | 'byState'>;
  onDone(): void;
}

export function FlowVerbs({ workflow: { id, state, byState }, onDone }: VerbsProps) {
  const path = `/v1/workflows/${encodeURIComponent(id)}`;
  const failed = byState.failed ?? 0;
  return (
    <span class="verbs" role="toolbar" aria-label={`What can be done to ${id}`}>
      {failed > 0 && (
        <Act
          label="Redrive"
          path={`${path}/redrive`}
          command={commandLine(['workflow', 'redrive', id])}
          confirm={`What failed of ${id} runs again, and what could not be reached or was stopped waits again: ${failed === 1 ? 'one job' : `${failed} jobs`}. What has completed is left as it is.`}
          onDone={onDone}
        />
      )}
      {state === 'open' && (
        <Act
          label="Cancel"
          path={`${path}/cancel`}
          body={{}}
          command={commandLine(['workflow', 'cancel', id])}
          confirm={`All of ${id} that is open is cancelled for good; where a handler runs, that is told to stop.`}
          onDone={onDone}
        />
      )}
    </span>
  );
}
