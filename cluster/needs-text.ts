/**
 * What a job asks of a worker, as people read it and as a label of metrics has it.
 */

import type { Requirements } from '../machines/rules/capability.ts';
import { inWords } from '../machines/rules/condition.ts';

/** What a job asks for, in the words of the flags that say it: `gpu 1, vram 8000, labels zone=eu`. Empty for nothing. */
export function needsText(needs: Requirements): string {
  const labels = Object.entries(needs.labels ?? {}).map(([label, condition]) => inWords(label, condition));
  const said = [
    ['gpu', needs.gpu],
    ['vram', needs.vramMb],
    ['gpu-vendor', needs.vendor],
    ['encoder', needs.encoder],
    ['slots', needs.slots],
    ['memory', needs.memoryMb],
    ['disk', needs.diskMb],
    ['version', needs.version],
    ['labels', labels.length === 0 ? undefined : labels.join(',')],
  ] as const;
  return said.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`])).join(', ');
}
