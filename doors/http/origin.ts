/**
 * Keeps pages of other sites out, which a browser would let through.
 *
 * A page elsewhere may send requests here without asking, and says where it is from in `Origin`. One whose name was made to lead
 * here (DNS rebinding) is of the same origin, and calls us by that name in `Host`: it is a danger where the door is open, and can
 * do nothing where tokens are asked for. Programs send neither.
 */

import { Fault } from '../../sdk/index.ts';

const ours = new Set(['127.0.0.1', 'localhost', '[::1]']);

interface From {
  host: string | undefined;
  origin: string | undefined;
  /** Whether everyone who reaches the port may do everything. */
  isOpen: boolean;
}

/** @throws {Fault} `request.foreign` */
export function refuseForeign({ host, origin, isOpen }: From): void {
  if (isOpen && host !== undefined && !ours.has(nameOf(`http://${host}`)))
    throw new Fault(
      'request.foreign',
      `Expected to be called by the name of this machine, such as 127.0.0.1, got ${host}. Use that.`,
    );
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
    throw new Fault(
      'request.foreign',
      `Expected a request of a program or of a page of this API, got one of ${origin}.`,
    );
}

/** What a page of ours says with each request that changes something: no page elsewhere can say it without being asked for leave. */
export const sessionMark = 'x-yard-session';

interface Sent {
  method: string;
  /** `Sec-Fetch-Site`: how the page that asks stands to us, as the browser says. */
  site: string | undefined;
  mark: string | undefined;
}

/**
 * For what comes with a cookie: a page of another origin of this site, such as another port of this machine, gets its cookies sent too.
 *
 * @throws {Fault} `request.foreign`
 */
export function refuseForged({ method, site, mark }: Sent): void {
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new Fault('request.foreign', `Expected a request of a page of this API, got a ${site} one.`);
  if (mark === undefined && !/^(?:GET|HEAD|OPTIONS)$/.test(method))
    throw new Fault(
      'request.foreign',
      `Expected the header \`${sessionMark}\` where a session changes something, got none. Send it, or a token in \`Authorization\`.`,
    );
}

function nameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}
