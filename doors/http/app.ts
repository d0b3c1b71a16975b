/**
 * The HTTP API: every noun and verb of the face under `/v1`, described by OpenAPI 3.1 at `/openapi.json`, readable at `/docs`.
 *
 * It knows the face and nothing behind it, so any master serves all of it, whoever leads.
 */

import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { secureHeaders } from 'hono/secure-headers';
import type { TokenBook, Yard } from '../../sdk/index.ts';
import { operations, operationsByFace } from '../api/operations.ts';
import { type CompatOptions, registerCompat } from './compat/routes.ts';
import { consolePolicy, isConsole, registerConsole } from './console.ts';
import { docsPage, docsStyle } from './docs-page.ts';
import { registerEvents } from './events.ts';
import { Gate } from './gate.ts';
import { mount } from './mount.ts';
import { refuseForeign } from './origin.ts';
import { answerProblem, answerRefused } from './problem.ts';
import { mountSessions } from './session.ts';

const apiPolicy = { defaultSrc: ["'none'"], styleSrc: ["'self'"], frameAncestors: ["'none'"] };
/** Pictures have their looks within them. */
const picturePolicy = { ...apiPolicy, styleSrc: ["'unsafe-inline'"] };
const bodyAtMost = 16 * 2 ** 20;

export interface AppOptions {
  yard: Yard;
  version: string;
  /** Without them, everyone may do everything: for loopback only. */
  tokens?: TokenBook | undefined;
  /** Requests that each token may make a second, on average; each address where there are no tokens. 0: no limit. */
  ratePerSecond?: number;
  /** The routes of other schedulers are served too, with this. */
  compat?: CompatOptions | undefined;
  /** Is told of what nobody foresaw. */
  onError?(cause: unknown): void;
}

export function httpApp({
  yard,
  version,
  tokens,
  ratePerSecond = 0,
  compat,
  onError = () => {},
}: AppOptions): OpenAPIHono {
  const app = new OpenAPIHono();
  const ofApi = secureHeaders({ contentSecurityPolicy: apiPolicy });
  const ofConsole = secureHeaders({ contentSecurityPolicy: consolePolicy });
  const ofPictures = secureHeaders({ contentSecurityPolicy: picturePolicy });
  app.use((context, next) => {
    if (isConsole(context.req.path)) return ofConsole(context, next);
    return (context.req.path.startsWith('/v1/machines/') ? ofPictures : ofApi)(context, next);
  });
  app.use(async ({ req }, next) => {
    refuseForeign({ host: req.header('host'), origin: req.header('origin'), isOpen: tokens === undefined });
    await next();
  });
  app.use('/v1/*', async (context, next) => {
    await next();
    // What is shown to one is nothing for a cache that others ask.
    if (!context.res.headers.has('cache-control')) context.header('cache-control', 'private, no-cache');
  });
  const limited = bodyLimit({
    maxSize: bodyAtMost,
    onError: () =>
      answerRefused(413, 'request.large', `Expected at most ${bodyAtMost} bytes, got more. Send less at once.`),
  });
  app.use((context, next) => (isFile(context.req) ? next() : limited(context, next)));
  app.onError((cause) => {
    const answer = answerProblem(cause);
    if (answer.status === 500) onError(cause);
    return answer;
  });
  app.notFound(({ req: { method, path } }) =>
    answerRefused(404, 'route.missing', `Expected a path of the API, got ${method} ${path}. See /docs.`),
  );
  const own = operations(yard);
  const gate = new Gate({ yard, door: 'http', tokens, ratePerSecond });
  const onFace = operationsByFace();
  for (const operation of own)
    mount(app, operation, async (context) => {
      const { yard: face, onEnd } = await gate.admit(context, operation);
      return { operation: onFace(face, operation.id), onEnd };
    });
  registerEvents(app, gate);
  const all = compat === undefined ? own : [...own, ...registerCompat(app, gate, yard, compat)];
  const sessions = mountSessions(app, gate);
  if (tokens !== undefined)
    app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  const about = 'Jobs, queues, schedules, workers and masters of a cluster.';
  const info = { title: 'Yardmaster', version, description: about };
  app.get('/openapi.json', (context) => context.json(app.getOpenAPI31Document({ openapi: '3.1.1', info })));
  app.get('/docs', (context) =>
    context.html(docsPage({ title: 'Yardmaster', version, about, operations: [...all, ...sessions] })),
  );
  app.get('/docs.css', (context) => context.body(docsStyle, 200, { 'content-type': 'text/css' }));
  registerConsole(app);
  app.get('/', (context) => context.redirect('/console/'));
  return app;
}

/** What is put there is never in memory as a whole, and has a bound of its own. */
function isFile({ method, path }: { method: string; path: string }): boolean {
  return method === 'PUT' && /^\/v1\/jobs\/[^/]+\/inputs\/[^/]+$/.test(path);
}
