/**
 * A chart to take away: as the picture that is shown, and as Mermaid.
 */

/** As attributes, since a page may not write styles into elements. */
const looks = [
  ...['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'opacity', 'text-anchor'],
  ...['font-size', 'font-weight', 'font-family'],
];

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
    for (const name of looks) element.setAttribute(name, style.getPropertyValue(name));
  });
  return new XMLSerializer().serializeToString(copy);
}

/** As the API draws it. */
export async function saveMermaid(machine: string): Promise<void> {
  const answer = await fetch(`/v1/machines/${machine}?format=mermaid`);
  if (answer.ok) save(`${machine}.mmd`, 'text/plain', await answer.text());
}

export function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}
