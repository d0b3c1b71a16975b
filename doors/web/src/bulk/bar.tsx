/**
 * The bar above a list of jobs: which are meant, and what can be done to them.
 */

import { useState } from 'preact/hooks';
import { toast } from '../part/toast.tsx';
import { reasonAgainst } from '../role.ts';
import { follow } from './operations.tsx';
import { type Which, type Word, words, wrongState } from './order.ts';
import { OrderDialog } from './order-dialog.tsx';

export interface BarProps {
  selected: ReadonlySet<string>;
  /** All that match, or why that cannot be meant. */
  all: Which | string;
  onClear(): void;
  onStarted(): void;
}

export function Bar({ selected, all, onClear, onStarted }: BarProps) {
  const [isAll, setAll] = useState(false);
  const [order, setOrder] = useState<{ word: Word; which: Which }>();
  const those = selected.size > 0 ? { id: [...selected] } : undefined;
  const which = isAll ? all : those;
  const chosen = typeof which === 'object' ? which : undefined;
  const toggleAll = () => (typeof all === 'string' && !isAll ? toast(all) : setAll(!isAll));
  return (
    <div class="toolbar bulk" role="toolbar" aria-label="What is done to many">
      <span class="meant" role="status">
        {isAll ? 'All of them' : `${selected.size} selected`}
      </span>
      <button
        type="button"
        aria-pressed={isAll}
        aria-disabled={typeof all === 'string'}
        title={typeof all === 'string' ? all : 'Not only those on this page'}
        onClick={toggleAll}
      >
        All that match the filter
      </button>
      {selected.size > 0 && !isAll && (
        <button type="button" onClick={onClear}>
          Clear
        </button>
      )}
      {words.map((word) => (
        <VerbButton
          key={word.verb}
          word={word}
          against={againstOf(word, which)}
          onClick={() => chosen !== undefined && setOrder({ word, which: chosen })}
        />
      ))}
      {order !== undefined && (
        <OrderDialog
          {...order}
          onClose={() => setOrder(undefined)}
          onStarted={(operation) => {
            setOrder(undefined);
            setAll(false);
            follow(operation);
            onStarted();
          }}
        />
      )}
    </div>
  );
}

/** Why it cannot be done now, in a sentence. */
function againstOf({ verb }: Word, which: Which | string | undefined): string | undefined {
  const role = reasonAgainst('operate');
  if (role !== undefined) return role;
  if (which === undefined) return 'Select jobs first, or all that match the filter.';
  return typeof which === 'string' ? which : wrongState(verb, which);
}

function VerbButton({ word, against, onClick }: { word: Word; against: string | undefined; onClick(): void }) {
  return (
    <button
      type="button"
      aria-disabled={against !== undefined}
      title={against ?? word.does}
      onClick={() => (against === undefined ? onClick() : toast(against))}
    >
      {word.label}
    </button>
  );
}
