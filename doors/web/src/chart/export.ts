/**
 * A chart to take away: as the picture that is shown, and as Mermaid.
 */

import type { Drawing } from '../../drawing/layout.ts';
import { linesOf } from '../../drawing/line.ts';

const looks = ['fill', 'stroke', 'stroke-width', 'font', 'opacity', 'text-anchor'];

/** The picture with all of its colours in it. */
export function svgOf(shown: SVGElement | null): string {
  if (shown === null) return '';
  const copy = shown.cloneNode(true);
  if (!(copy instanceof SVGElement)) return '';
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  const originals = [...shown.querySelectorAll('*')];
  [...copy.querySelectorAll('*')].forEach((element, at) => {
    const original = originals[at];
    if (original === undefined) return;
    const style = getComputedStyle(original);
    for (const name of looks)
      element.setAttribute(
        name === 'font' ? 'style' : name,
        name === 'font' ? `font:${style.font}` : style.getPropertyValue(name),
      );
  });
  return new XMLSerializer().serializeToString(copy);
}

export function mermaidOf({ boxes, wires }: Drawing): string {
  const named = (path: string) => path.replaceAll('.', '_');
  const inside = (within: string, indent: string): string[] =>
    boxes
      .filter(({ path }) => path.split('.').slice(0, -1).join('.') === within)
      .flatMap(({ path, name, leaf }) =>
        leaf
          ? [`${indent}state "${name}" as ${named(path)}`]
          : [`${indent}state "${name}" as ${named(path)} {`, ...inside(path, `${indent}  `), `${indent}}`],
      );
  const lines = wires.map(({ from, to, ways }) => `  ${named(from)} --> ${named(to)} : ${linesOf(ways).join(' ')}`);
  return ['stateDiagram-v2', ...inside('', '  '), ...lines, ''].join('\n');
}

export function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}
