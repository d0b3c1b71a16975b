/**
 * Checks of the doors: whether masters answer by HTTP where they say so, and whether somebody could come in.
 */

import { about, type Check, fail, named, ok, skip, type Verdict, warn } from './check.ts';
import type { Door, Findings } from './findings.ts';

export const doorChecks: readonly Check[] = [
  {
    area: 'doors',
    name: 'http',
    expected: 'each master to answer by HTTP where it says so, and to be ready',
    judge: http,
  },
  {
    area: 'doors',
    name: 'tokens',
    expected: 'a token that opens, and none that expires within a week',
    judge: tokens,
  },
];

/** A loopback address of another machine says nothing here. */
function http({ doors, masters, machine }: Findings): Verdict {
  return about(doors, (all) => {
    if (all.length === 0) return skip('no master serves HTTP');
    const here = machine.isKnown ? machine.value.host : '';
    const near = new Set(
      masters.isKnown ? masters.value.filter(({ host }) => host === here).map(({ name }) => name) : [],
    );
    const within = all.filter(({ master, url }) => master === undefined || near.has(master) || !isLoopback(url));
    if (within.length === 0) return skip('they serve it on other machines, for themselves alone');
    const wrong = within.flatMap((door) => wrongIn(door) ?? []);
    if (wrong.length === 0) return ok(named(within.map(({ url }) => url)));
    return fail(named(wrong), 'look at the log of that master, and at what stands between it and here');
  });
}

function isLoopback(url: string): boolean {
  return /^https?:\/\/(?:localhost|127\.|\[::1\])/.test(url);
}

function wrongIn({ master, url, answer }: Door): string | undefined {
  const who = master === undefined ? `what the context names, ${url}` : `${master} at ${url}`;
  if (!answer.isKnown) return `${who}: ${answer.why}`;
  const { status } = answer.value;
  if (status === 401 || status === 403) return `${who} refuses the token of the context`;
  return status === 200 ? undefined : `${who} is not ready`;
}

const weekMs = 7 * 86_400_000;

function tokens({ tokens: known, here, masters, now }: Findings): Verdict {
  return about(known, (all) => {
    const isOpen = here.isKnown && here.value?.httpAuth === 'off';
    const valid = all.filter(
      ({ revokedAt, expiresAt = Number.POSITIVE_INFINITY }) => revokedAt === undefined && expiresAt > now,
    );
    const soon = valid.filter(({ expiresAt = Number.POSITIVE_INFINITY }) => expiresAt - now < weekMs);
    if (soon.length > 0)
      return warn(
        `within a week these expire: ${named(soon.map(({ label }) => label))}`,
        'make new ones: `yard token create`, or `yard token rotate ID`',
      );
    if (isOpen) return ok('none is asked for on this machine');
    const serves = masters.isKnown && masters.value.some(({ http: url }) => url !== undefined);
    if (valid.length > 0 || !serves) return ok(valid.length === 0 ? 'nobody serves HTTP' : `${valid.length} open`);
    return warn(
      'no token opens: nobody can come in by HTTP, unless it asks for none',
      'yard token create NAME --scope operate',
    );
  });
}
