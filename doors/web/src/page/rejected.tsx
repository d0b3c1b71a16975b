/**
 * Submissions that were refused: what was sent, and what was expected instead.
 */

import type { Rejection } from '../../../../sdk/index.ts';
import { pathWith } from '../ask.ts';
import { useAsked } from '../asked.ts';
import { Trouble } from '../part/trouble.tsx';
import { When } from '../part/when.tsx';

export function Rejected() {
  const { answer, problem } = useAsked<{ rejected: readonly Rejection[] }>('/v1/rejected', 5_000);
  const rejected = answer?.rejected ?? [];
  return (
    <>
      <h1>Rejected</h1>
      <Trouble problem={problem} />
      {answer !== undefined && rejected.length === 0 && <p class="empty">Nothing was refused.</p>}
      {rejected.map(({ sequence, at, subject, reason, body }) => (
        <section class="card" key={sequence} aria-label={`Submission ${sequence}`}>
          <header>
            <code>{subject}</code> <When at={at} />
          </header>
          <p class="bad">{reason}</p>
          <pre class="json" tabIndex={0}>
            {body}
          </pre>
          <footer>
            <a href={pathWith('/console/submit', { type: typeIn(subject), payload: body })}>Correct it and submit …</a>
          </footer>
        </section>
      ))}
    </>
  );
}

/** Of `tenant/type`. */
function typeIn(subject: string): string {
  return subject.slice(subject.indexOf('/') + 1);
}
