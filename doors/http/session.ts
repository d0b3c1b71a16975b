/**
 * Sessions of browsers: a page shows a token once, and from then on the browser shows a cookie that no script can read.
 *
 * The cookie is a secret of its own, kept as a hash with its token, so every master knows it: it ends when it is closed, after
 * half a day, and at once with its token.
 */

import { type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Fault } from '../../sdk/index.ts';
import type { Recognised } from '../api/doorkeeper.ts';
import { nothing, type Operation, operation } from '../api/operation.ts';
import { tokenScopes } from '../token-words.ts';
import type { Gate } from './gate.ts';
import { mount } from './mount.ts';
import { cameSecurely, sessionCookie } from './session-cookie.ts';

const session = z
  .object({
    isOpen: z.boolean().openapi({ description: 'No token is asked for: everyone may do everything here.' }),
    name: z.string().openapi({ description: 'What people call the token.', example: 'ci' }),
    token: z.string().optional().openapi({ description: 'Its id, which is no secret.' }),
    scopes: z.array(z.enum(tokenScopes)),
    tenant: z.string().optional().openapi({ description: 'Whose jobs are met; all where absent.' }),
    until: z.number().optional().openapi({ description: 'When it ends, epoch ms.' }),
  })
  .openapi('Session');

const everyone = { isOpen: true, name: 'anyone', scopes: tokenScopes };

/** Serves and describes them; returns what there is to read about. */
export function mountSessions(app: OpenAPIHono, gate: Gate): readonly Operation[] {
  const described = sessionOperations(gate);
  for (const [at, each] of described.entries())
    mount(app, each, async (context) => ({
      operation: sessionOperations(gate, context)[at] ?? each,
      onEnd: neverEnds,
    }));
  return described;
}

/** Without a context they can be read about only. */
function sessionOperations(gate: Gate, context?: Context): readonly Operation[] {
  const recognise = async (token?: string) =>
    context === undefined ? undefined : await gate.recognise(context, token);
  const common = { path: '/v1/session', needs: 'nothing', tag: 'session', params: nothing, query: nothing } as const;
  const replies = { 200: { description: 'Who you are here.', schema: session } };
  return [
    operation({
      ...{ ...common, replies },
      method: 'get',
      id: 'getSession',
      summary: 'Who you are here, by session or token; 401 for who has to sign in.',
      body: nothing,
      async run() {
        const known = await recognise();
        return { body: known === undefined ? everyone : viewOf(known), headers: uncached };
      },
    }),
    operation({
      ...{ ...common, replies },
      method: 'post',
      id: 'openSession',
      summary: 'Signs a browser in: it gets a cookie in the place of the token.',
      description: 'With a cookie, whatever changes something needs the header `X-Yard-Session: 1` too.',
      body: z.strictObject({ token: z.string().openapi({ example: 'yard_…' }).exactOptional() }),
      async run({ body: { token }, header }) {
        const known = await recognise(token);
        if (known === undefined) return { body: everyone, headers: uncached };
        const { secret, until } = await known.yard.tokens.openSession(known.secret, known.token.token);
        const seconds = (until - known.yard.now()) / 1_000;
        const cookie = sessionCookie(secret, { seconds, isSecure: cameSecurely(header) });
        return { body: viewOf({ ...known, until }), headers: { ...uncached, 'set-cookie': cookie } };
      },
    }),
    operation({
      ...common,
      replies: {
        200: { description: 'Signed out.', schema: z.object({ closed: z.boolean() }).openapi('SessionClosed') },
      },
      method: 'delete',
      id: 'closeSession',
      summary: 'Signs a browser out, at every master.',
      body: nothing,
      async run({ header }) {
        const known = await recognise().catch(undefinedWhereOver);
        if (known !== undefined) await known.yard.tokens.closeSession(known.secret, known.token.token);
        const cookie = sessionCookie('', { seconds: 0, isSecure: cameSecurely(header) });
        return { body: { closed: known !== undefined }, headers: { ...uncached, 'set-cookie': cookie } };
      },
    }),
  ];
}

/** Answers here are whole: no session that ends has any to cut off. */
const neverEnds = () => () => {};

/** One that is over already is signed out. */
function undefinedWhereOver(cause: unknown): undefined {
  if (!(cause instanceof Fault) || cause.code !== 'token.refused') throw cause;
  return undefined;
}

const uncached = { 'cache-control': 'no-store' };

function viewOf({ token: { token, label, scopes, tenant }, until }: Pick<Recognised, 'token' | 'until'>) {
  return {
    ...{ isOpen: false, name: label, token, scopes },
    ...(tenant === undefined ? {} : { tenant }),
    ...(until === undefined ? {} : { until }),
  };
}
