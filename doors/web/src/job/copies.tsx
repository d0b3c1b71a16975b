/**
 * The same in other words: the job again by command, `nats pub` or curl; and reading it.
 */

import type { JobRecord } from '../../../../sdk/index.ts';
import { linesOf } from '../option-lines.ts';
import { copy } from '../part/toast.tsx';
import { word } from '../shell.ts';
import { formOf, saidOf } from './again.ts';

export function Copies({ job }: { job: JobRecord }) {
  const { id, type, payload } = job;
  const options = saidOf(job);
  const form = formOf(job, options);
  const read = [
    { name: 'yard', line: `yard job get ${id}` },
    { name: 'nats', line: `nats req yard.api.jobs.get ${word(JSON.stringify({ params: { id } }))}` },
    { name: 'curl', line: `curl -s ${location.origin}/v1/jobs/${encodeURIComponent(id)}` },
  ];
  return (
    <>
      <Lines title="Submit the same again" lines={linesOf({ type, payload: payload ?? {}, options })} />
      {form !== undefined && <a href={form}>Change it and submit …</a>}
      <Lines title="Read this job" lines={read} />
    </>
  );
}

function Lines({ title, lines }: { title: string; lines: ReturnType<typeof linesOf> }) {
  return (
    <section>
      <h2>{title}</h2>
      <ul class="copies">
        {lines.map(({ name, line }) => (
          <li key={name}>
            <button type="button" aria-label={`Copy ${name}: ${title}`} onClick={() => void copy(line)}>
              Copy {name}
            </button>
            <code>{line}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}
