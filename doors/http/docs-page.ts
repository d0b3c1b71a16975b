/**
 * The description of the API as a page to read: made here, without scripts, and without anything from elsewhere.
 */

import { nothing, type Operation } from '../api/operation.ts';

interface Page {
  title: string;
  version: string;
  about: string;
  operations: readonly Operation[];
}

/** The whole page. Names and sentences in it are escaped. */
export function docsPage({ title, version, about, operations }: Page): string {
  const byTag = Map.groupBy(operations, ({ tag }) => tag);
  const sections = [...byTag].map(
    ([tag, those]) => `<section><h2>${text(tag)}</h2>${those.map(articleOf).join('')}</section>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${text(title)} API</title><link rel="stylesheet" href="/docs.css"></head><body><main>
<h1>${text(title)} <small>${text(version)}</small></h1>
<p>${text(about)} Problems are <code>application/problem+json</code> (RFC 9457). The machine's version of this page: <a href="/openapi.json">/openapi.json</a>.</p>
${sections.join('\n')}</main></body></html>`;
}

function articleOf({ path, method, summary, description = '', params, query, headers = {}, body }: Operation): string {
  const named = [
    ...Object.keys(params.shape).map((name) => [name, 'path']),
    ...Object.keys(query.shape).map((name) => [name, 'query']),
    ...Object.keys(headers).map((name) => [name, 'header']),
    ...(body === nothing ? [] : [['JSON', 'body']]),
  ];
  const given = named.map(([name = '', where = '']) => `<code>${text(name)}</code> <small>${where}</small>`);
  const list = given.join(', ');
  return `<article><h3><b class="${text(method)}">${text(method.toUpperCase())}</b> <code>${text(path)}</code></h3>
<p>${text(summary)} ${text(description)}</p>${list === '' ? '' : `<p>${list}</p>`}</article>`;
}

function text(raw: string): string {
  return raw.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

export const docsStyle = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{border-bottom:1px solid;text-transform:capitalize}
article{margin:1rem 0}
h3{font-size:1rem;margin:0}
article p{margin:.25rem 0 0 4.5rem}
b{display:inline-block;min-width:4rem}
b.get{color:#0a7d33}b.post{color:#1f5fbf}b.put,b.patch{color:#9a5b00}b.delete{color:#b3261e}
@media(prefers-color-scheme:dark){b.get{color:#6ddb8f}b.post{color:#8ab4f8}b.put,b.patch{color:#f0b45b}b.delete{color:#f2b8b5}}
`;
