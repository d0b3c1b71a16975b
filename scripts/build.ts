/**
 * Builds `dist/`, which is what the package ships: JavaScript and declarations, made by the compiler alone.
 *
 * Nothing of an earlier build stays, so a file that was renamed is not shipped twice.
 */

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

rmSync(`${root}/dist`, { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
