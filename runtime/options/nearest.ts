/**
 * The nearest of some names to one that was mistyped, for "Did you mean …?".
 */

/** The name that takes the fewest edits to reach, or `undefined` where none is near. */
export function nearest(wrong: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let fewest = Math.max(2, Math.floor(wrong.length / 3)) + 1;
  for (const name of names) {
    const needed = edits(wrong.toLowerCase(), name.toLowerCase());
    if (needed < fewest) [best, fewest] = [name, needed];
  }
  return best;
}

/** How many letters must be put in, taken out or changed to make `b` of `a` (Levenshtein). */
export function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let line = 1; line <= a.length; line++) {
    const next = [line];
    for (let column = 1; column <= b.length; column++) {
      const change = (row[column - 1] ?? 0) + (a[line - 1] === b[column - 1] ? 0 : 1);
      next.push(Math.min(change, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
