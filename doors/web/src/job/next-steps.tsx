/**
 * What can happen next to a job, and which guard forbids the rest, as its machine says.
 */

import type { JobRecord } from '../../../../sdk/index.ts';
import type { Drawing } from '../../drawing/layout.ts';
import { StateBadge } from '../part/state.tsx';
import { type Next, nextOf } from './ways-on.ts';

export function NextSteps({ drawing, job }: { drawing: Drawing; job: JobRecord }) {
  const steps = nextOf(drawing, job);
  if (steps.length === 0)
    return (
      <section>
        <h2>What can happen next</h2>
        <p class="empty">Nothing: {job.state} is final.</p>
      </section>
    );
  const [may, mayNot] = [
    steps.filter((one) => one.forbidden === undefined),
    steps.filter((one) => one.forbidden !== undefined),
  ];
  return (
    <section aria-labelledby="next">
      <h2 id="next">What can happen next</h2>
      <ul class="next">
        {may.map((one) => (
          <Step key={`${one.event} ${one.guard}`} step={one} />
        ))}
      </ul>
      {mayNot.length > 0 && (
        <>
          <h3>What a guard forbids now</h3>
          <ul class="next forbidden">
            {mayNot.map((one) => (
              <Step key={`${one.event} ${one.guard}`} step={one} />
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Step({ step: { event, guard, to, description, forbidden } }: { step: Next }) {
  return (
    <li>
      <code class="event">{event}</code>
      <span class="to">→ {to === '' ? <span class="dim">stays</span> : <StateBadge state={to} />}</span>
      <span>
        {description.replace(/ (?:Keeps|Adds|Attempt)[^.]*\.$/, '')}
        {guard !== '' && (
          <span class="guard">
            {' '}
            <code>[{guard}]</code> {forbidden}
          </span>
        )}
        {guard === '' && forbidden !== undefined && <span class="guard"> Not now: {forbidden}</span>}
      </span>
    </li>
  );
}
