/**
 * What the pages do, as somebody would type it: every button can say the line that does the same.
 */

/** A word as a POSIX shell reads it, quoted where it must be. */
export function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** `yard dead redrive 3f2a91c0 --rate 5`: words as they are, then flags; what is absent or empty is left out. */
export function commandLine(
  words: readonly (string | undefined)[],
  flags: Readonly<Record<string, string | number | boolean | undefined>> = {},
): string {
  const said = Object.entries(flags).flatMap(([name, value]) => {
    if (value === undefined || value === '' || value === false) return [];
    return value === true ? [`--${name}`] : [`--${name}`, word(String(value))];
  });
  return ['yard', ...words.flatMap((one) => (one === undefined || one === '' ? [] : [word(one)])), ...said].join(' ');
}
