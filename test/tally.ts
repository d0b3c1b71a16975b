/**
 * The last word of a test run: one line with how many tests passed and failed, for people and for CI.
 *
 * Knows what a skipped test means: at home a loud line that names it, in CI a failure, because there everything
 * that a test needs is installed by `test/setup-debian.sh`.
 */

import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** A vitest reporter; put it last, so that its line ends the output. */
export class Tally implements Reporter {
  readonly #inCi: boolean;

  constructor(options: { inCi: boolean }) {
    this.#inCi = options.inCi;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const broken = modules.filter((module) => module.errors().length > 0);
    const skipped = tests.filter((test) => isSkipped(test));
    if (skipped.length > 0) this.#tellSkipped(skipped);
    if (skipped.length > 0 && this.#inCi) process.exitCode = 1;
    const failed = count(tests, 'failed') + broken.length + unhandled.length + (this.#inCi ? skipped.length : 0);
    process.stdout.write(`\n${count(tests, 'passed')} passed, ${failed} failed\n`);
  }

  #tellSkipped(skipped: readonly TestCase[]): void {
    const verdict = this.#inCi ? 'FAILED, because in CI nothing may be skipped' : 'SKIPPED';
    for (const test of skipped)
      process.stdout.write(`\n${verdict}: ${test.module.relativeModuleId} > ${test.fullName}`);
    process.stdout.write('\n');
  }
}

function isSkipped(test: TestCase): boolean {
  return test.result().state === 'skipped';
}

function count(tests: readonly TestCase[], state: 'passed' | 'failed'): number {
  return tests.filter((test) => test.result().state === state).length;
}
