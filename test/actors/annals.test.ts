/** Who has led, and why each term ended. */

import { expect, test } from 'vitest';
import { Annals } from '../../actors/annals.ts';
import { pause } from '../../runtime/clock.ts';
import type { Control } from '../../runtime/ports.ts';
import { stage } from './stage.ts';

function setUp() {
  const { world, clock } = stage();
  const { terms } = world.control;
  const master = (name: string) => new Annals({ terms, clock, name, incarnation: `${name}-1` });
  return { clock, terms, master, all: () => clock.until(terms.all()) };
}

test('whoever gives a term up says why, though the next one writes first; of one that cannot, the next one says that it was silent', async () => {
  const { clock, master, all } = setUp();
  const [one, two, three] = [master('one'), master('two'), master('three')];
  await clock.until(one.begin(3));
  await clock.advance(5_000);
  await clock.until(two.begin(8));
  await clock.until(one.end(3, 'it was asked to'));
  await clock.advance(2_000);
  await clock.until(three.begin(21));
  const [last, before, first] = await all();
  expect(last).toMatchObject({ term: 21, name: 'three', incarnation: 'three-1' });
  expect(last?.ended).toBeUndefined();
  expect(before).toMatchObject({ term: 8, name: 'two', ended: { at: last?.since, reason: 'it was silent' } });
  expect(first).toMatchObject({ term: 3, name: 'one', ended: { reason: 'it was asked to' } });
});

test('of two that are elected one right after the other each stands in its place, though the earlier one writes last', async () => {
  const { clock, terms, master, all } = setUp();
  const slowly: Control['terms']['change'] = async (change) => {
    await pause(clock, 500);
    await terms.change(change);
  };
  void new Annals({ terms: { ...terms, change: slowly }, clock, name: 'slow', incarnation: 's' }).begin(3);
  await clock.advance(100);
  await clock.until(master('quick').begin(8));
  await clock.advance(1_000);
  const [last, first] = await all();
  expect(last).toMatchObject({ name: 'quick', term: 8 });
  expect(last?.ended).toBeUndefined();
  expect(first).toMatchObject({ name: 'slow', ended: { at: last?.since, reason: 'it was silent' } });
});

test('a term that ends as it begins is written as such', async () => {
  const { clock, master, all } = setUp();
  const one = master('one');
  void one.begin(3);
  await clock.until(one.end(3, 'this master stops'));
  expect(await all()).toMatchObject([{ term: 3, ended: { reason: 'this master stops' } }]);
});

test('only the last fifty are kept, and what cannot be written keeps nobody waiting', async () => {
  const { clock, terms, master, all } = setUp();
  const one = master('one');
  for (let term = 1; term <= 60; term++) void one.begin(term);
  await clock.until(one.begin(61));
  expect((await all()).map(({ term }) => term)).toEqual(Array.from({ length: 50 }, (_, at) => 61 - at));
  const change = () => Promise.reject(new Error('no broker'));
  await clock.until(new Annals({ terms: { ...terms, change }, clock, name: 'two', incarnation: '2' }).begin(62));
  expect((await all())[0]).toMatchObject({ term: 61 });
});
