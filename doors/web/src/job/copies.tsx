/**
 * The same in other words: the job again by command, `nats pub` or curl; and reading it.
 */

import type { JobRecord } from '../../../../sdk/index.ts';
import { quoted } from '../bulk/order.ts';
import { copy } from '../part/toast.tsx';

export function Copies({ job: { id, type, payload, queue, priority, name, tags } }: { job: JobRecord }) {
  const body = quoted(JSON.stringify(payload ?? {}));
  const whole = {
    type,
    payload: payload ?? {},
    queue,
    priority,
    ...(name === undefined ? {} : { name }),
    ...(tags === undefined ? {} : { tags }),
  };
  const named = name === undefined ? '' : ` --name ${quoted(name)}`;
  const inHeader = name === undefined ? '' : ` -H ${quoted(`Name:${name}`)}`;
  const api = `${location.origin}/v1/jobs`;
  const again = [
    ['yard', `yard submit ${type} ${body} --queue ${queue} --priority ${priority}${named}`],
    ['nats', `nats pub yard.submit.${type} ${body} -H Queue:${queue} -H Priority:${priority}${inHeader}`],
    ['curl', `curl -s ${api} -d ${quoted(JSON.stringify(whole))}`],
  ] as const;
  const read = [
    ['yard', `yard job get ${id}`],
    ['nats', `nats req yard.api.jobs.get '${JSON.stringify({ params: { id } })}'`],
    ['curl', `curl -s ${api}/${encodeURIComponent(id)}`],
  ] as const;
  return (
    <>
      <Lines title="Submit the same again" lines={again} />
      <Lines title="Read this job" lines={read} />
    </>
  );
}

function Lines({ title, lines }: { title: string; lines: readonly (readonly [name: string, line: string])[] }) {
  return (
    <section>
      <h2>{title}</h2>
      <ul class="copies">
        {lines.map(([name, line]) => (
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
