/**
 * The picture of a machine as SVG: a file that was drawn when the pages were built, by the code that draws them in a browser.
 *
 * One that was drawn from another version of the machine is not shown.
 */

import { readFile } from 'node:fs/promises';
import { machineNamed } from '../cluster/machines.ts';
import { Fault } from '../sdk/index.ts';

export const directions = ['right', 'down'] as const;
export type Direction = (typeof directions)[number];

const folder = new URL('./web/dist/machines/', import.meta.url);

/** @throws {Fault} `machine.missing`, `picture.missing` */
export async function pictureOfMachine(name: string, direction: Direction): Promise<string> {
  const { name: known, hash } = machineNamed(name);
  const drawn = await readFile(new URL(`${known}-${direction}.svg`, folder), 'utf8').catch(() => undefined);
  if (drawn?.includes(` data-machine="${hash}" `) === true) return drawn;
  const met = drawn === undefined ? 'it is not there' : 'it is of another version';
  throw new Fault(
    'picture.missing',
    `Expected the picture of the machine ${known} to be built, ${met}. Run \`npm run build:console\`, or ask for \`mermaid\`.`,
  );
}
