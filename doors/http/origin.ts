/**
 * Keeps pages of other sites out, which a browser on this machine would let through: whoever reaches the port can do everything.
 *
 * A page elsewhere may send requests here without asking, and says where it is from in `Origin`. One whose name was made to lead
 * here (DNS rebinding) is of the same origin, and calls us by that name in `Host`. Programs send neither.
 */

import { Fault } from '../../sdk/index.ts';

const ours = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** @throws {Fault} `request.foreign` */
export function refuseForeign({ host, origin }: { host: string | undefined; origin: string | undefined }): void {
  if (host !== undefined && !ours.has(nameOf(`http://${host}`)))
    throw new Fault(
      'request.foreign',
      `Expected to be called by the name of this machine, such as 127.0.0.1, got ${host}. Use that.`,
    );
  if (origin !== undefined && origin !== `http://${host}`)
    throw new Fault(
      'request.foreign',
      `Expected a request of a program or of a page of this API, got one of ${origin}.`,
    );
}

function nameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}
