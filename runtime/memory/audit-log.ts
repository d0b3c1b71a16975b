/**
 * What people did: kept in order, and never taken out.
 */

import type { AuditEntry, AuditLog } from '../ports.ts';
import { carried } from './channel.ts';
import type { Link } from './link.ts';

export class AuditBook {
  readonly #entries: AuditEntry[] = [];

  over(link: Link): AuditLog {
    return {
      add: (entry) => link.call(() => void this.#entries.push(carried(entry))),
      newest: ({ limit, before = Number.POSITIVE_INFINITY, tenant }) =>
        link.call(() =>
          this.#entries
            .map((entry, at) => ({ ...entry, place: at + 1 }))
            .filter((entry) => entry.place < before && (tenant === undefined || entry.tenant === tenant))
            .toReversed()
            .slice(0, limit),
        ),
    };
  }
}
