/**
 * Charts as files: the very picture that a page shows, drawn in advance, for whoever wants it without a browser.
 *
 * Made when the pages are built. Its colours are those of the light theme, written out, since not everything that shows SVG
 * knows variables; on its root it says of which machine it is.
 */

import { readFile } from 'node:fs/promises';
import { h } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { Statechart } from '../src/chart/statechart.tsx';
import type { Drawing } from './layout.ts';

const sheet = new URL('../src/style.css', import.meta.url);

/** A whole file of SVG. */
export async function pictureOf(drawing: Drawing, { title, hash }: { title: string; hash: string }): Promise<string> {
  const { width, height } = drawing;
  const drawn = renderToString(h(Statechart, { drawing, label: title, zoom: 1 }));
  const root = `<svg xmlns="http://www.w3.org/2000/svg" data-machine="${hash}" `;
  const inside = `<title>${title}</title><style>${await styleOf()}</style><rect class="ground" width="${width}" height="${height}"/>`;
  const [opening = ''] = /^<svg [^>]*>/.exec(drawn) ?? [];
  return `${root}${opening.slice('<svg '.length)}${inside}${drawn.slice(opening.length)}\n`;
}

/** What the pages say of charts. */
async function styleOf(): Promise<string> {
  const css = await readFile(sheet, 'utf8');
  const [theme = ''] = /^:root \{[^}]*\}/m.exec(css) ?? [];
  const colours = new Map([...theme.matchAll(/(--[\w-]+):\s*([^;]+);/g)].map(([, name, colour]) => [name, colour]));
  const rules = css.match(/^\.chart [^{]*\{[^}]*\}/gm) ?? [];
  return ['.ground{fill:var(--panel)}', ...rules]
    .map((rule) => rule.replaceAll(/\s+/g, ' '))
    .join('')
    .replaceAll(/var\((--[\w-]+)\)/g, (said, name) => colours.get(name) ?? said);
}
