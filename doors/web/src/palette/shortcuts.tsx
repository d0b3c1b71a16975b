/**
 * The keys that there are.
 */

import { shortcuts } from '../keys.ts';
import { Dialog } from '../part/dialog.tsx';
import { closePalette, opened } from './open.ts';

export function Shortcuts() {
  if (opened.value !== 'keys') return null;
  return (
    <Dialog title="Keys" onClose={closePalette}>
      <dl class="keys">
        {shortcuts.map(([keys, does]) => (
          <>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </>
        ))}
      </dl>
      <footer>
        <button type="button" onClick={closePalette}>
          Close
        </button>
      </footer>
    </Dialog>
  );
}
