/**
 * News as Server-Sent Events: of one job, to its end, and of all jobs, without end.
 *
 * The id of an event of one job is the number of its transition; that of an event of all jobs is a cursor
 * (`cluster/job-events.ts`). Who comes back with `Last-Event-ID`, as browsers do, goes on behind it, at any master: what was
 * missed is told first, and what cannot be told any more is an event `gap`. While nothing happens that passes the filter, an
 * id alone is sent now and then, so that whoever comes back has less to read, and whatever lies between knows that both ends live.
 *
 * Each listener reads the stream at the pace at which it takes what is sent: nothing piles up for one that is slow.
 */

import { type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { rest } from '../../cluster/pace.ts';
import type { EventOptions, JobEvent, JobEvents } from '../../sdk/index.ts';
import { found } from '../api/jobs.ts';
import { checked, type Lock } from '../api/operation.ts';
import { jobStates, priorities } from '../job-words.ts';
import type { Gate } from './gate.ts';

const signOfLifeMs = 15_000;

const lock: Lock = { needs: 'read', forTenants: true };

const wanted = z.strictObject({
  id: z.string().optional(),
  prefix: z.string().optional(),
  type: z.string().optional(),
  queue: z.string().optional(),
  priority: z.enum(priorities).optional(),
  tag: z.string().optional(),
  workflow: z.string().optional(),
  state: z
    .preprocess((said) => (typeof said === 'string' ? said.split(',') : said), z.array(z.enum(jobStates)))
    .optional(),
  after: z.string().optional(),
});

export function registerEvents(app: OpenAPIHono, gate: Gate): void {
  app.get('/v1/jobs/:id/events', async (context) => {
    const { yard, onEnd } = await gate.admit(context, lock);
    const id = context.req.param('id');
    const after = Number(context.req.header('last-event-id') ?? 0);
    await found(yard, id);
    return streamed(context, onEnd, async (stream, signal) => {
      for await (const transition of yard.watch(id, { signal })) {
        if (transition.n <= after) continue;
        await stream.writeSSE({ id: String(transition.n), event: transition.to, data: JSON.stringify(transition) });
      }
    });
  });
  app.get('/v1/events', async (context) => {
    const { yard, onEnd } = await gate.admit(context, lock);
    const over = new AbortController();
    const events = await yard.events({ ...eventsAskedFor(context), signal: over.signal });
    return streamed(context, onEnd, async (stream, signal) => {
      signal.addEventListener('abort', () => over.abort());
      if (signal.aborted) over.abort();
      await tell(stream, events, over);
    });
  });
}

/** What comes first is the place from which whoever comes back before anything happens goes on. */
async function tell(stream: SSEStreamingApi, events: JobEvents, over: AbortController): Promise<void> {
  const beat = sayWhereNowAndThen(stream, events, over.signal);
  try {
    for await (const event of events) await stream.writeSSE(sseOf(event));
  } finally {
    over.abort();
    await beat;
  }
}

async function sayWhereNowAndThen(stream: SSEStreamingApi, events: JobEvents, signal: AbortSignal): Promise<void> {
  for (; !signal.aborted; await rest(signOfLifeMs, signal)) await stream.write(`id: ${events.cursor}\n\n`);
}

/** Where whoever listens leaves, or may not listen any more, `signal` fires, and what comes of that is no failure. */
function streamed(
  context: Context,
  onEnd: (ended: () => void) => () => void,
  say: (stream: SSEStreamingApi, signal: AbortSignal) => Promise<void>,
): Response {
  return streamSSE(context, async (stream) => {
    const left = new AbortController();
    stream.onAbort(() => left.abort());
    const stopWaiting = onEnd(() => left.abort());
    try {
      await say(stream, left.signal);
    } catch (cause) {
      if (!left.signal.aborted) throw cause;
    } finally {
      stopWaiting();
    }
  });
}

/** `Last-Event-ID` is what a browser says; others may say `after`. @throws {Fault} `input.invalid` */
function eventsAskedFor({ req }: Context): EventOptions {
  const { after, ...filter } = checked(wanted, req.query());
  return { ...filter, after: req.header('last-event-id') ?? after };
}

function sseOf({ cursor, ...event }: JobEvent) {
  const id = cursor === undefined ? {} : { id: cursor };
  if (event.kind === 'gap') {
    const { kind, ...gap } = event;
    return { ...id, event: kind, data: JSON.stringify(gap) };
  }
  const { kind: _, transition, ...job } = event;
  return { ...id, event: transition.to, data: JSON.stringify({ ...job, ...transition }) };
}
