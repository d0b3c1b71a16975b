/**
 * Which room imports which, read off the import lines: the text of `docs/imports.md`.
 *
 * What may be is a rule in `.dependency-cruiser.cjs`; this page shows what is. Types count as imports.
 */

import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const rooms = [
  'machines',
  'runtime',
  'actors',
  'nats',
  'view',
  'handlers',
  'cluster',
  'sdk',
  'doors',
  'grafana',
] as const;
const imported = /\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g;

/** The text of `docs/imports.md`. */
export function importsPage(): string {
  const arrows = rooms.flatMap((room) => roomsBelow(room).map((below) => `  ${room} --> ${below}`));
  return `# Which room knows which

Generated from the import lines of the code; do not edit it by hand. An arrow points to what is imported, types included.
Who may import whom is checked by \`npm run check:imports\`; why, is in [architecture.md](architecture.md).

\`\`\`mermaid
flowchart TD
${arrows.join('\n')}
\`\`\`
`;
}

/** Other rooms that files of \`room\` import, in the order of the house. */
function roomsBelow(room: string): readonly string[] {
  const files = globSync(`${room}/**/*.{ts,tsx}`, { cwd: root }).filter((file) => !file.includes('node_modules'));
  const found = new Set(files.flatMap((file) => importsOf(file)));
  return rooms.filter((other) => other !== room && found.has(other));
}

/** The rooms of what a file imports. */
function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return Array.from(text.matchAll(imported), ([, path = '']) => join(dirname(file), path).split('/')[0] ?? '');
}
