/**
 * News as Server-Sent Events: of one job, with nothing missed, and of all jobs, live.
 *
 * The id of an event of one job is the number of its transition; who comes back with `Last-Event-ID` goes on behind it, at any
 * master.
 */

import type { OpenAPIHono } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import type { JobEventMessage } from '../../sdk/index.ts';
import { found } from '../api/jobs.ts';
import type { Lock } from '../api/operation.ts';
import { idIn } from '../job-words.ts';
import type { Gate } from './gate.ts';

const keptAtMost = 10_000;

const lock: Lock = { needs: 'read', forTenants: true };

export function registerEvents(app: OpenAPIHono, gate: Gate): void {
  app.get('/v1/jobs/:id/events', async (context) => {
    const { yard, onEnd } = await gate.admit(context, lock);
    const id = context.req.param('id');
    const after = Number(context.req.header('last-event-id') ?? 0);
    await found(yard, id);
    return streamSSE(context, async (stream) => {
      const left = new AbortController();
      stream.onAbort(() => left.abort());
      const stopWaiting = onEnd(() => left.abort());
      try {
        for await (const transition of yard.watch(id, { signal: left.signal })) {
          if (transition.n <= after) continue;
          await stream.writeSSE({ id: String(transition.n), event: transition.to, data: JSON.stringify(transition) });
        }
      } catch (cause) {
        if (!left.signal.aborted) throw cause;
      } finally {
        stopWaiting();
      }
    });
  });
  app.get('/v1/events', async (context) => {
    const { yard, onEnd } = await gate.admit(context, lock);
    const filter = context.req.query();
    return streamSSE(context, async (stream) => {
      const left = Promise.withResolvers<void>();
      stream.onAbort(() => left.resolve());
      const stopWaiting = onEnd(() => left.resolve());
      const waiting: JobEventMessage[] = [];
      let wake = () => {};
      const stop = await yard.onTransition((event) => {
        if (!passes(event, filter)) return;
        if (waiting.push(event) > keptAtMost) left.resolve();
        wake();
      });
      let isOver = false;
      void left.promise.then(() => {
        isOver = true;
        wake();
      });
      while (!isOver) {
        const event = waiting.shift();
        if (event !== undefined) await stream.writeSSE(sseOf(event));
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      stopWaiting();
      await stop();
    });
  });
}

function passes(
  { queue, type, priority, transition }: JobEventMessage,
  filter: Readonly<Record<string, string>>,
): boolean {
  const has: Readonly<Record<string, string>> = { queue, type, priority, state: transition.to };
  return Object.entries(filter).every(([name, value]) => has[name] === undefined || has[name] === value);
}

function sseOf({ key, type, queue, priority, revision, transition }: JobEventMessage) {
  const data = { id: idIn(key), type, queue, priority, ...transition };
  return { id: `${revision}.${transition.n}`, event: transition.to, data: JSON.stringify(data) };
}
