/**
 * The cookie of a session: read by this API alone, sent by pages of this site alone, and gone when the session is.
 *
 * Where the browser came by TLS, which a proxy in front has to say, its name begins with `__Host-`: then browsers take it from nobody
 * else, and send it by TLS only.
 */

import { parse, serialize } from 'hono/utils/cookie';

const name = 'yard_session';
const secureName = `__Host-${name}`;

type Header = (name: string) => string | undefined;

/** Whether a proxy says that the browser came by TLS. */
export function cameSecurely(header: Header): boolean {
  const [first = ''] = (header('x-forwarded-proto') ?? '').split(',');
  return first.trim().toLowerCase() === 'https' || /(?:^|[;,\s])proto="?https"?/i.test(header('forwarded') ?? '');
}

/** What the cookie of this request holds. */
export function sessionIn(cookies: string | undefined, isSecure: boolean): string | undefined {
  return parse(cookies ?? '')[isSecure ? secureName : name];
}

/** What a browser is to keep, for so many seconds. */
export function sessionCookie(secret: string, { seconds, isSecure }: { seconds: number; isSecure: boolean }): string {
  const common = { path: '/', httpOnly: true, sameSite: 'Strict', maxAge: Math.max(0, Math.floor(seconds)) } as const;
  return isSecure ? serialize(secureName, secret, { ...common, secure: true }) : serialize(name, secret, common);
}
