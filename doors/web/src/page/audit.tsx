/**
 * Who did what, the newest first.
 */

import { useLocation } from 'preact-iso';
import type { KeptAuditEntry } from '../../../../sdk/index.ts';
import { pathWith } from '../ask.ts';
import { useAsked } from '../asked.ts';
import { moment } from '../moment.ts';
import { Table } from '../part/table.tsx';
import { Trouble } from '../part/trouble.tsx';

const aPage = 100;

export function Audit() {
  const { before } = useLocation().query;
  const path = pathWith('/v1/audit/log', { limit: aPage, before });
  const { answer, problem } = useAsked<{ entries: readonly KeptAuditEntry[] }>(path, 5_000);
  const entries = answer?.entries ?? [];
  const last = entries.at(-1);
  return (
    <>
      <h1>Audit</h1>
      <Trouble problem={problem} />
      {answer !== undefined && entries.length === 0 && <p class="empty">Nobody has done anything yet.</p>}
      {entries.length > 0 && (
        <Table label="Audit">
          <thead>
            <tr>
              <th>When</th>
              <th>Who</th>
              <th>By</th>
              <th>What</th>
              <th>Of</th>
              <th>Asked for</th>
              <th>Refused</th>
            </tr>
          </thead>
          <tbody>
            {entries.map(({ place, at, who, door, what, target, given, refused }) => (
              <tr key={place}>
                <td>{moment(at)}</td>
                <td>{who}</td>
                <td>{door}</td>
                <td>{what}</td>
                <td>{target}</td>
                <td class="wide">
                  <code>{given}</code>
                </td>
                <td>{refused !== undefined && <span class="badge bad">{refused}</span>}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      <footer class="pages">
        {before !== undefined && <a href="/console/audit">Newest</a>}
        {entries.length === aPage && last !== undefined && (
          <a href={pathWith('/console/audit', { before: last.place })}>Older</a>
        )}
      </footer>
    </>
  );
}
