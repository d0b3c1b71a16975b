/**
 * How deep data may be nested. What is deeper could be stored, and then be shown by nobody: whoever walks through it runs out of stack.
 */

/** Objects and lists within one another. */
export const levelsAtMost = 200;

/** Of what JSON can write: nothing in it is within itself. */
export function isTooDeep(data: unknown): boolean {
  let level = [data].filter(isHolder);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > levelsAtMost) return true;
    level = level.flatMap((holder): unknown[] => Object.values(holder)).filter(isHolder);
  }
  return false;
}

function isHolder(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
