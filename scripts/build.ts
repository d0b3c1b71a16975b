/**
 * Builds `dist/`, which is what the package ships: JavaScript and declarations, made by the compiler alone, and the pages.
 *
 * Nothing of an earlier build stays, so a file that was renamed is not shipped twice.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

rmSync(`${root}/dist`, { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
execFileSync('npm', ['run', '--silent', 'build:console'], { cwd: root, stdio: 'inherit' });
cpSync(`${root}/doors/web/dist`, `${root}/dist/doors/web/dist`, { recursive: true });
