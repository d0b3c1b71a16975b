/**
 * The package.json that is shipped: without what only a checkout needs.
 *
 * The Node that a checkout brings along (190 MB, as optional dependencies) must not reach those who install the
 * package, and npm has no field for that. `ship` takes such fields out before packing and keeps the original beside;
 * `restore` puts it back, byte for byte.
 */

import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = `${root}/package.json`;
const kept = `${root}/.cache/package.json`;
const onlyInCheckout = new Set(['optionalDependencies', 'devDependencies', 'scripts']);

function ship(): void {
  mkdirSync(`${root}/.cache`, { recursive: true });
  copyFileSync(manifest, kept);
  const fields: Record<string, unknown> = JSON.parse(readFileSync(manifest, 'utf8'));
  const shipped = Object.entries(fields).filter(([name]) => !onlyInCheckout.has(name));
  writeFileSync(manifest, `${JSON.stringify(Object.fromEntries(shipped), null, 2)}\n`);
}

switch (process.argv[2]) {
  case 'ship':
    ship();
    break;
  case 'restore':
    renameSync(kept, manifest);
    break;
  default:
    throw new Error(`Expected \`ship\` or \`restore\`, got ${process.argv[2]}.`);
}
