/**
 * Who looks at the pages, and what they may do: as the scopes of their token say. Where no token is asked for, everything.
 */

import { signal } from '@preact/signals';
import type { TokenScope } from '../../../sdk/index.ts';
import { ask, Problem } from './ask.ts';

export interface Session {
  isOpen: boolean;
  name: string;
  scopes: readonly TokenScope[];
  /** Whose jobs are met; all where absent. */
  tenant?: string;
  until?: number;
}

/** Undefined until the master has said so. */
export const session = signal<Session | undefined>(undefined);

export async function learnSession(): Promise<void> {
  try {
    session.value = await ask<Session>('/v1/session');
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause;
  }
}

export function may(scope: TokenScope): boolean {
  const scopes = session.value?.scopes ?? [];
  return scopes.includes(scope) || scopes.includes('admin') || (scope === 'read' && scopes.includes('operate'));
}

/** Why not, in a sentence; undefined where one may, or it is not known yet. */
export function reasonAgainst(scope: TokenScope): string | undefined {
  const known = session.value;
  if (known === undefined || may(scope)) return undefined;
  return `${known.name} may not: it takes a token with the scope ${scope}, and this one has ${known.scopes.join(', ')}.`;
}

/** In a word: what most of the buttons go by. */
export function roleName(): 'admin' | 'operator' | 'read-only' {
  if (may('admin')) return 'admin';
  return may('operate') ? 'operator' : 'read-only';
}
