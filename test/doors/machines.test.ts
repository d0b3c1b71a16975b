/** Machines by HTTP, over NATS and by the command: data, Mermaid and pictures of what runs. */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listMachines } from '../../cluster/machines.ts';
import { run } from '../../doors/cli/main.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { ApiClient } from './api-client.ts';
import { serveOpen, type TestCluster, testCluster } from './cluster.ts';
import { askOverNats } from './service-client.ts';

const names = ['job', 'worker', 'schedule', 'election'];

let cluster: TestCluster;
let http: Listening;

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.service();
  http = await serveOpen(() => cluster.yard());
});

afterAll(async () => {
  await http.close();
  await cluster[Symbol.asyncDispose]();
});

const { ask } = new ApiClient(() => http.url);

/** What the command prints; nobody is there to be asked. */
async function printed(...words: string[]) {
  const out: string[] = [];
  const talk: string[] = [];
  const code = await run([...words, '--nats', 'nats://127.0.0.1:1'], {
    ...{ isInteractive: false, columns: Number.POSITIVE_INFINITY },
    print: (text) => void out.push(text),
    say: (text) => void talk.push(text),
    draw: (text) => void out.push(text),
    style: (_, text) => text,
  });
  return { code, out: out.join('\n'), talk: talk.join('\n') };
}

/** Fails where a tag does not end, or an attribute has no value: what is no XML, no program shows. */
function textsIn(svg: string): readonly string[] {
  const open: string[] = [];
  for (const [, end = '', name = '', attributes = '', self = ''] of svg.matchAll(
    /<(\/?)(\w+)((?:[^>"]|"[^"]*")*?)(\/?)>/g,
  )) {
    if (end !== '') expect(open.pop()).toBe(name);
    else if (self === '') open.push(name);
    expect(attributes.replaceAll(/ [\w:-]+="[^"<]*"/g, '').trim()).toBe('');
  }
  expect(open).toEqual([]);
  return [...svg.matchAll(/<text[^>]*>([^<]*)/g)].map(([, text = '']) => text);
}

describe.each(names)('the machine of a %s', (name) => {
  test('is told as data: every state, event, guard and edge, with a hash that only another machine would change', async () => {
    const { json, headers } = await ask(`/v1/machines/${name}`);
    const view = listMachines().find((each) => each.name === name);
    expect(json).toEqual(view);
    for (const { event, guard, from } of json.edges) {
      expect(event === '' || json.events.includes(event)).toBe(true);
      expect(guard === '' || json.guards.includes(guard)).toBe(true);
      expect(json.states.map(({ path }: { path: string }) => path)).toContain(from);
    }
    const again = await ask(`/v1/machines/${name}`, { headers: { 'if-none-match': headers.get('etag') ?? '' } });
    expect(again).toMatchObject({ status: 304, text: '' });
  });

  test('is drawn as the page of lifecycles draws it, and by every door the same', async () => {
    const { text, headers } = await ask(`/v1/machines/${name}?format=mermaid`);
    expect(headers.get('content-type')).toBe('text/vnd.mermaid');
    expect(readFileSync('docs/lifecycle.md', 'utf8')).toContain(`\`\`\`mermaid\n${text}\`\`\``);
    expect((await ask(`/v1/machines/${name}`, { headers: { accept: 'text/vnd.mermaid' } })).text).toBe(text);
    expect(await printed('machine', 'diagram', name)).toEqual({ code: 0, out: text.trimEnd(), talk: '' });
  });

  test.each(['right', 'down'])(
    'is a picture that grows to the %s, with every state and event in it',
    async (direction) => {
      const { text, headers } = await ask(`/v1/machines/${name}?format=svg&direction=${direction}`);
      expect(headers.get('content-type')).toBe('image/svg+xml');
      // It has its looks within it, which a browser would not apply by the policy of all else.
      expect(headers.get('content-security-policy')).toContain("style-src 'unsafe-inline'");
      const texts = textsIn(text);
      const view = listMachines().find((each) => each.name === name);
      expect(view?.states.map((state) => state.name).filter((state) => !texts.includes(state))).toEqual([]);
      const words = texts.join(' ');
      expect(view?.events.filter((event) => !words.includes(event))).toEqual([]);
      expect(text).not.toContain('var(--');
      const drawn = await printed('machine', 'diagram', name, '--format', 'svg', '--direction', direction);
      expect(drawn).toEqual({ code: 0, out: text.trimEnd(), talk: '' });
      const accept = { accept: 'image/svg+xml' };
      if (direction === 'right') expect((await ask(`/v1/machines/${name}`, { headers: accept })).text).toBe(text);
    },
  );
});

test('a machine that is none is told by every door', async () => {
  expect(await ask('/v1/machines/boat')).toMatchObject({ status: 404, json: { code: 'machine.missing' } });
  expect(await ask('/v1/machines/constructor')).toMatchObject({ status: 404, json: { code: 'machine.missing' } });
  expect(await ask('/v1/machines/job?format=png')).toMatchObject({
    status: 422,
    json: { errors: [{ path: '/format' }] },
  });
  const connection = await cluster.broker.connect();
  expect(await askOverNats(connection, 'machines.get', { params: { name: 'boat' } })).toMatchObject({ status: 404 });
  expect(await printed('machine', 'get', 'boat')).toMatchObject({
    code: 3,
    out: '',
    talk: expect.stringContaining('job'),
  });
});

test('a picture comes over NATS too', async () => {
  const connection = await cluster.broker.connect();
  const asked = { params: { name: 'worker' }, query: { format: 'svg' } };
  const reply = await connection.request('yard.api.machines.get', JSON.stringify(asked), { timeout: 20_000 });
  expect(reply.headers?.get('Content-Type')).toBe('image/svg+xml');
  expect(reply.string()).toContain('<text');
});
