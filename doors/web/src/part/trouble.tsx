/**
 * What went wrong with a question or an action, in the words of the API.
 */

import type { Problem } from '../ask.ts';

export function Trouble({ problem }: { problem: Problem | undefined }) {
  if (problem === undefined || problem.code === 'link.lost') return null;
  return (
    <p class="banner bad" role="alert">
      {problem.message}
    </p>
  );
}
