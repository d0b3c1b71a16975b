/** Every metric is compared with what happened: by a test that names it, and that counts without it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { metrics } from '../../runtime/telemetry/metric.ts';
import { samples } from '../../runtime/telemetry/sample.ts';

/** Where metrics are compared with records, feeds, lists, brokers and drivers. */
const comparing = [
  'doors/truth.ts',
  'doors/metric-truth.test.ts',
  'doors/metrics.test.ts',
  'handlers/gpu-watch.test.ts',
  'nats/aside.test.ts',
  'actors/intake.test.ts',
  'cluster/permission.test.ts',
  'cluster/full-disk.test.ts',
];

function untested(names: readonly string[]): readonly string[] {
  const texts = comparing.map((file) => readFileSync(join(import.meta.dirname, '..', file), 'utf8')).join('\n');
  return names.filter((name) => !new RegExp(`\\b${name}(?:_bucket|_sum|_count)?\\b`).test(texts));
}

test('every metric of the catalogue is compared with what happened', () => {
  expect(untested([...Object.keys(metrics), ...Object.keys(samples)])).toEqual([]);
  expect(untested(['yard_nothing_total'])).toEqual(['yard_nothing_total']);
});
