/**
 * Each key that there is, and what it does.
 */

import { shortcuts } from '../keys.ts';

export function Keys() {
  return (
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
  );
}
