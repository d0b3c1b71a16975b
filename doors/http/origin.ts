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

function nameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}
