import { describe, expect, test } from 'vitest';
import { parsePriority, priorities, raised } from '../../machines/rules/lanes.ts';

describe('a priority', () => {
  test('is read in any case, and default and normal mean medium', () => {
    for (const one of priorities) expect(parsePriority(one.toUpperCase())).toBe(one);
    expect(parsePriority('Default')).toBe('medium');
    expect(parsePriority('normal')).toBe('medium');
    expect(parsePriority('urgent')).toBeUndefined();
    expect(parsePriority('constructor')).toBeUndefined();
  });

  test('rises by one a step, never above high', () => {
    const risen = priorities.map((priority) => [0, 1, 2, 3].map((steps) => raised(priority, steps)));
    expect(risen).toEqual([
      ['critical', 'critical', 'critical', 'critical'],
      ['high', 'high', 'high', 'high'],
      ['medium', 'high', 'high', 'high'],
      ['low', 'medium', 'high', 'high'],
    ]);
  });
});
