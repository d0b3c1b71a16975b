/**
 * Tries the package as its users get it: packed, installed into an empty project, imported with types, run by npx.
 *
 * Works in a folder of its own under the machine's temporary one. Any step that fails ends it with that step's code.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tool = (name: string) => join(root, 'node_modules', '.bin', name);

const user = `import { connect, defineJob } from 'yardmaster';
import { testYard } from 'yardmaster/testing';
export const all: readonly unknown[] = [connect, defineJob, testYard];
export type Connected = Awaited<ReturnType<typeof connect>>;
// @ts-expect-error What is not exported must not be any either.
import { nothingOfThisName } from 'yardmaster';
export const none: unknown = nothingOfThisName;
`;

/** Declarations are checked too, ours and those of our dependencies; XState's do not hold `exactOptionalPropertyTypes`. */
const userConfig = {
  compilerOptions: {
    target: 'es2024',
    module: 'nodenext',
    strict: true,
    noUncheckedIndexedAccess: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules', '@types')],
    noEmit: true,
    skipLibCheck: false,
  },
  files: ['user.ts'],
};

const folder = mkdtempSync(join(tmpdir(), 'yard-package-'));
try {
  checkIn(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function checkIn(project: string): void {
  run('npm', ['pack', '--pack-destination', project, '--loglevel=error'], root);
  const tarball = readdirSync(project).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error(`Expected npm to pack a tarball into ${project}, found none.`);
  run(tool('publint'), ['run', join(project, tarball), '--strict'], root);
  run(tool('attw'), [join(project, tarball), '--profile', 'esm-only'], root);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }));
  writeFileSync(join(project, 'user.ts'), user);
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(userConfig));
  run('npm', ['install', `./${tarball}`, '--loglevel=error'], project);
  run(tool('tsc'), ['-p', 'tsconfig.json'], project);
  run(
    'node',
    ['-e', "import('yardmaster').then((yard) => { if (typeof yard.connect !== 'function') process.exit(1); })"],
    project,
  );
  run(
    'node',
    ['-e', "import('yardmaster/testing').then(({ testYard }) => testYard([])).then((test) => test.close())"],
    project,
  );
  run('npx', ['--no-install', 'yard', '--version'], project);
}

function run(program: string, args: readonly string[], cwd: string): void {
  process.stdout.write(`\n$ ${program.split('/').at(-1)} ${args.join(' ')}\n`);
  execFileSync(program, args, { cwd, stdio: 'inherit' });
}
