/**
 * The scopes of tokens, which every door names; `test/architecture/words.test.ts` holds them against the rule.
 */

import type { TokenScope } from '../sdk/index.ts';

/** What a token may open, the least first. */
export const tokenScopes = ['read', 'submit', 'operate', 'admin'] as const satisfies readonly TokenScope[];
