/**
 * What a verb takes beside the jobs: a reason, a queue, a priority or a moment.
 */

import { useAsked } from '../asked.ts';
import type { QueuesAnswer } from '../page/answer.ts';
import type { Filled, VerbName } from './order.ts';

const priorities = ['critical', 'high', 'medium', 'low'] as const;

export interface FieldsProps {
  verb: VerbName;
  filled: Filled;
  onFill(filled: Filled): void;
}

export function Fields({ verb, filled, onFill }: FieldsProps) {
  const fill = (change: Partial<Filled>) => onFill({ ...filled, ...change });
  const { answer } = useAsked<QueuesAnswer>(verb === 'move' ? '/v1/queues' : undefined, 30_000);
  switch (verb) {
    case 'cancel':
    case 'hold':
      return (
        <label class="field">
          Reason, for the history of each job
          <input
            type="text"
            maxLength={500}
            value={filled.reason}
            onInput={({ currentTarget }) => fill({ reason: currentTarget.value })}
          />
        </label>
      );
    case 'move':
      return (
        <label class="field">
          To the queue
          <select value={filled.queue} onChange={({ currentTarget }) => fill({ queue: currentTarget.value })}>
            <option value="">choose</option>
            {(answer?.queues ?? []).map(({ queue }) => (
              <option key={queue}>{queue}</option>
            ))}
          </select>
        </label>
      );
    case 'prioritise':
      return (
        <label class="field">
          To the priority
          <select
            value={filled.priority}
            onChange={({ currentTarget }) =>
              fill({ priority: priorities.find((one) => one === currentTarget.value) ?? 'medium' })
            }
          >
            {priorities.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
      );
    case 'reschedule':
      return (
        <label class="field">
          Not before, in your time zone
          <input
            type="datetime-local"
            step={1}
            value={filled.at}
            onInput={({ currentTarget }) => fill({ at: currentTarget.value })}
          />
        </label>
      );
    default:
      return null;
  }
}
