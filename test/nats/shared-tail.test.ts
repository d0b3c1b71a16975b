/** One reading of the stream of jobs for many listeners: who joins it when, who is cut off, and what is nobody else's business. */

import { expect, test } from 'vitest';
import { SharedTail } from '../../nats/shared-tail.ts';
import { Fault } from '../../runtime/faults.ts';
import type { Tail, TailedPage, TailOptions } from '../../runtime/ports.ts';

/** A stream that is written by hand, and counts who reads it. */
class Stream implements Tail {
  readonly readings: TailOptions[] = [];
  #pages: { key: string; revision: number }[] = [];
  #wakes: (() => void)[] = [];
  #failure: Fault | undefined;

  write(...keys: string[]): void {
    for (const key of keys) this.#pages.push({ key, revision: this.#pages.length + 1 });
    this.#ring();
  }

  breakOff(): void {
    this.#failure = new Fault('broker.unavailable', 'gone');
    this.#ring();
  }

  #ring(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }

  async *read(options: TailOptions): AsyncGenerator<TailedPage> {
    const { after, tenant, signal } = options;
    this.readings.push(options);
    for (let at = after; signal?.aborted !== true; ) {
      const own = this.#pages.filter(({ key }) => tenant === undefined || key.startsWith(`${tenant}.`));
      const page = own.find(({ revision }) => revision > at);
      if (page !== undefined) {
        at = page.revision;
        yield { page: { kind: 'reserved', ...page }, isNewest: own.at(-1) === page };
      } else if (this.#failure !== undefined) throw this.#failure;
      else await this.#news(signal);
    }
  }

  #news(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((wake) => {
      this.#wakes.push(wake);
      signal?.addEventListener('abort', () => wake());
    });
  }
}

/** A listener that takes what it is asked to take. */
function listener(tail: Tail, options: Partial<TailOptions> = {}) {
  const told = tail.read({ after: 0, ...options })[Symbol.asyncIterator]();
  const take = async (count: number): Promise<string[]> => {
    const keys: string[] = [];
    for (let n = 0; n < count; n++) {
      const { value } = await told.next();
      keys.push(`${value?.page.key} ${value?.page.revision}${value?.isNewest === true ? '' : ' …'}`);
    }
    return keys;
  };
  return { take, leave: () => told.return?.() };
}

test('all who have come to the end share one reading, which ends with the last of them', async () => {
  const stream = new Stream();
  const tail = new SharedTail(stream);
  stream.write('t.a', 't.b');
  const [one, other] = [listener(tail), listener(tail, { after: 1 })];
  expect(await one.take(2)).toEqual(['t.a 1 …', 't.b 2']);
  expect(await other.take(1)).toEqual(['t.b 2']);
  const next = [one.take(2), other.take(2)];
  stream.write('t.c', 't.a');
  expect(await Promise.all(next)).toEqual([
    ['t.c 3 …', 't.a 4'],
    ['t.c 3 …', 't.a 4'],
  ]);
  expect(stream.readings).toHaveLength(3);
  await one.leave();
  expect(stream.readings[2]?.signal?.aborted).toBe(false);
  await other.leave();
  expect(stream.readings[2]?.signal?.aborted).toBe(true);
});

test('of another tenant nobody hears more than that nothing was behind it', async () => {
  const stream = new Stream();
  const acme = listener(new SharedTail(stream), { tenant: 'acme' });
  stream.write('acme.a');
  expect(await acme.take(1)).toEqual(['acme.a 1']);
  const next = acme.take(2);
  stream.write('other.b', 'acme.c', 'other.d');
  expect(await next).toEqual(['acme.c 3 …', '_ 4']);
});

test('who is slower than what is kept is cut off, and reads on alone to the end before joining again', async () => {
  const stream = new Stream();
  const tail = new SharedTail(stream, { keeps: 2 });
  const [slow, fast] = [listener(tail), listener(tail)];
  stream.write('t.a');
  await Promise.all([slow.take(1), fast.take(1)]);
  const begun = [slow.take(1), fast.take(1)];
  stream.write('t.b');
  await Promise.all(begun);
  const rest = fast.take(6);
  for (const key of ['t.c', 't.d', 't.e', 't.f', 't.g', 't.h']) stream.write(key);
  expect((await rest).map((each) => each.slice(0, 5))).toEqual(['t.c 3', 't.d 4', 't.e 5', 't.f 6', 't.g 7', 't.h 8']);
  await expect(slow.take(1)).rejects.toMatchObject({ code: 'broker.unavailable', retryable: true });
  expect(await listener(tail, { after: 2 }).take(6)).toContain('t.h 8');
});

test('what breaks off, breaks off for all, and the next who comes begins another one', async () => {
  const stream = new Stream();
  const tail = new SharedTail(stream);
  const one = listener(tail);
  stream.write('t.a');
  await one.take(1);
  const next = one.take(1);
  stream.breakOff();
  await expect(next).rejects.toMatchObject({ code: 'broker.unavailable' });
  expect(await listener(tail).take(1)).toEqual(['t.a 1']);
});

test('one job is read alone', async () => {
  const stream = new Stream();
  const one = listener(new SharedTail(stream), { tenant: 't', id: 'a' });
  stream.write('t.a');
  await one.take(1);
  const next = one.take(1);
  stream.write('t.a');
  await next;
  expect(stream.readings).toHaveLength(1);
});
