/** The description of the API as a page to read: made here, without scripts, and without anything from elsewhere. */

interface Described {
  info: { title: string; version: string; description?: string };
  paths?: unknown;
}

interface Operation {
  summary?: string;
  description?: string;
  tags?: readonly string[];
  parameters?: readonly { name?: string; in?: string; description?: string }[];
  requestBody?: unknown;
}

export function docsPage({ info, paths = {} }: Described): string {
  const operations = Object.entries(paths as Readonly<Record<string, Readonly<Record<string, Operation>>>>).flatMap(
    ([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const byTag = Map.groupBy(operations, ({ operation }) => operation.tags?.[0] ?? 'other');
  const sections = [...byTag].map(
    ([tag, those]) => `<section><h2>${text(tag)}</h2>${those.map(articleOf).join('')}</section>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${text(info.title)} API</title><link rel="stylesheet" href="/docs.css"></head><body><main>
<h1>${text(info.title)} <small>${text(info.version)}</small></h1>
<p>${text(info.description ?? '')} Problems are <code>application/problem+json</code> (RFC 9457). The machine's version of this page: <a href="/openapi.json">/openapi.json</a>.</p>
${sections.join('\n')}</main></body></html>`;
}

function articleOf({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const { summary = '', description = '', parameters = [], requestBody } = operation;
  const given = parameters.map(
    ({ name = '', in: where = '' }) => `<code>${text(name)}</code> <small>${text(where)}</small>`,
  );
  const body = requestBody === undefined ? [] : ['<small>JSON body</small>'];
  const list = [...given, ...body].join(', ');
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
