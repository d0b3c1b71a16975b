/**
 * Find a page, a job, a workflow or something to do by typing: Ctrl+K, arrows, Enter.
 */

import { useEffect, useId, useMemo, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { WorkflowPage } from '../../../../sdk/index.ts';
import { ask, pathWith } from '../ask.ts';
import type { JobsAnswer } from '../page/answer.ts';
import { Dialog } from '../part/dialog.tsx';
import { type Entry, type Found, fits, fixedEntries, foundEntry, searchEntry } from './entry.ts';
import { closePalette, opened } from './open.ts';

const shownAtMost = 12;
const jobsAtMost = 6;
const workflowsAtMost = 3;
const settleMs = 120;

export function Palette() {
  return opened.value === 'commands' ? <Open /> : null;
}

function Open() {
  const { route } = useLocation();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const id = useId();
  const { jobs, workflows } = useFound(text.trim());
  const entries = useMemo(() => {
    const words = text.trim();
    const fixed = fixedEntries(route).filter(({ name }) => fits(name, words));
    const found = [
      ...jobs.map((job) => foundEntry('job', job, route)),
      ...workflows.map((workflow) => foundEntry('workflow', workflow, route)),
    ];
    return [...fixed, ...found, ...(words === '' ? [] : [searchEntry(words, route)])].slice(0, shownAtMost);
  }, [text, jobs, workflows, route]);
  const chosen = entries[Math.min(at, entries.length - 1)];
  const run = (entry: Entry | undefined) => {
    if (entry === undefined) return;
    closePalette();
    entry.run();
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    setAt((Math.min(at, entries.length - 1) + step + entries.length) % Math.max(1, entries.length));
  };
  return (
    <Dialog title="Find" onClose={closePalette}>
      <form
        class="palette"
        onSubmit={(event) => {
          event.preventDefault();
          run(chosen);
        }}
      >
        <input
          type="text"
          role="combobox"
          aria-label="A page, a job by its id, or something to do"
          aria-expanded="true"
          aria-autocomplete="list"
          aria-controls={id}
          aria-activedescendant={chosen && `${id}-${chosen.id}`}
          placeholder="A page, the id of a job, or something to do"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={({ currentTarget }) => {
            setText(currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKey}
        />
        <div id={id} class="found" role="listbox" aria-label="What was found">
          {entries.map((entry) => (
            <button
              type="button"
              key={entry.id}
              id={`${id}-${entry.id}`}
              role="option"
              tabIndex={-1}
              aria-selected={entry === chosen}
              onClick={() => run(entry)}
            >
              <span class="dim">{entry.kind}</span> {entry.name} <span class="dim">{entry.note}</span>
            </button>
          ))}
        </div>
      </form>
    </Dialog>
  );
}

const nothing: Record<'jobs' | 'workflows', readonly Found[]> = { jobs: [], workflows: [] };

/** What there is for these words, a moment after the last key: the job of that id first. */
function useFound(text: string): typeof nothing {
  const [found, setFound] = useState(nothing);
  useEffect(() => {
    const left = new AbortController();
    const look = async () => {
      const { signal } = left;
      const exact = ask<JobsAnswer['jobs'][number]>(`/v1/jobs/${encodeURIComponent(text)}`, { signal }).then(
        (job) => [job],
        () => [],
      );
      const jobs = ask<JobsAnswer>(pathWith('/v1/jobs', { q: text, limit: jobsAtMost }), { signal }).then(
        (answer) => answer.jobs,
        () => [],
      );
      const named = pathWith('/v1/workflows', { q: text, limit: workflowsAtMost });
      const flows = ask<WorkflowPage>(named, { signal }).then(
        (answer) => answer.workflows,
        () => [],
      );
      const [first, more, workflows] = await Promise.all([exact, jobs, flows]);
      if (!signal.aborted) setFound({ jobs: [...first, ...more.filter(({ id }) => id !== text)], workflows });
    };
    setFound(nothing);
    const timer = window.setTimeout(() => void look(), settleMs);
    if (text === '') window.clearTimeout(timer);
    return () => {
      window.clearTimeout(timer);
      left.abort();
    };
  }, [text]);
  return found;
}
