/**
 * What a job's handler said: the last lines, those with a word, or all of them as a file. All stand in the page, so that the
 * browser's own search finds them.
 */

import { useMemo, useState } from 'preact/hooks';
import type { LogLine } from '../../../../sdk/index.ts';
import { useAsked } from '../asked.ts';
import { moment } from '../moment.ts';
import { Trouble } from './trouble.tsx';

const shownAtMost = 5_000;

export function Log({ path, isOver }: { path: string; isOver: boolean }) {
  const [word, setWord] = useState('');
  const { answer, problem } = useAsked<string>(`${path}/logs`, isOver ? 30_000 : 2_000);
  const lines = useMemo(() => linesIn(answer ?? ''), [answer]);
  const those = lines.filter(({ line }) => line.toLowerCase().includes(word.toLowerCase()));
  return (
    <section>
      <h2>Log</h2>
      <div class="toolbar">
        <input
          type="search"
          aria-label="Search the log"
          placeholder="Search the log"
          value={word}
          onInput={({ currentTarget }) => setWord(currentTarget.value)}
        />
        <span class="dim">
          {those.length} of {lines.length} lines
        </span>
        <a href={`${path}/logs`} download="log.ndjson">
          Download
        </a>
      </div>
      <Trouble problem={problem} />
      {lines.length === 0 ? <p class="empty">It has said nothing.</p> : <Lines lines={those.slice(-shownAtMost)} />}
    </section>
  );
}

function Lines({ lines }: { lines: readonly LogLine[] }) {
  return (
    <pre class="log" tabIndex={0}>
      {lines.map(({ at, attempt, stream, line }, index) => (
        <span key={`${index} ${at}`} class={stream}>
          <span class="dim">
            {moment(at).slice(11)} #{attempt}{' '}
          </span>
          {line}
          {'\n'}
        </span>
      ))}
    </pre>
  );
}

/** A line of JSON each. */
function linesIn(text: string): readonly LogLine[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
