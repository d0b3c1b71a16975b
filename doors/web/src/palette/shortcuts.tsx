/**
 * The keys that there are.
 */

import { Dialog } from '../part/dialog.tsx';
import { Keys } from '../part/keys.tsx';
import { closePalette, opened } from './open.ts';

export function Shortcuts() {
  if (opened.value !== 'keys') return null;
  return (
    <Dialog title="Keys" onClose={closePalette}>
      <Keys />
      <footer>
        <button type="button" onClick={closePalette}>
          Close
        </button>
      </footer>
    </Dialog>
  );
}
