/**
 * What a submitter may say, as people read it: the text of `docs/headers.md`, made from the table in `request.ts`.
 */

import { type Field, fields } from './request.ts';

/** The text of `docs/headers.md`. */
export function headersPage(): string {
  return `# What a submission may say

Generated from \`actors/request.ts\`; do not edit it by hand.

Whoever publishes on \`yard.submit.<type>\` says these things in headers of the message. A client without headers says
them in the body, in an envelope \`{"payload": {…}, "options": {…}}\`, under the names of the second column: as the
same text, or as a number, a boolean, a list or an object where JSON has those. All of them are optional. An unknown
name and a value that is not what was expected are refused with a sentence. How to submit is in \`protocol.md\`.

| header | option | expects | example |
|---|---|---|---|
${fields.map(row).join('\n')}
`;
}

function row({ header, field, expects, example }: Field): string {
  const cells = [`\`${header}\``, `\`${field}\``, expects.replaceAll('<', '&lt;'), `\`${example}\``];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
