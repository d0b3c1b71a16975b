/** The contract of the API finds an answer that its document does not describe: against a server that lies in one way at a time. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiClient } from './api-client.ts';

const document = {
  openapi: '3.1.1',
  info: { title: 'Planted', version: '1' },
  paths: {
    '/v1/thing': {
      post: {
        operationId: 'thing',
        requestBody: {
          content: { 'application/json': { schema: { type: 'object', properties: { a: { type: 'number' } } } } },
        },
        responses: {
          '200': {
            description: 'It.',
            headers: { ETag: { required: true, schema: { type: 'string' } } },
            content: {
              'application/json': {
                schema: { type: 'object', properties: { is: { type: 'string' } }, required: ['is'] },
              },
            },
          },
        },
      },
    },
  },
};

interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

const right: Answer = {
  status: 200,
  headers: { etag: '"1"', 'content-type': 'application/json' },
  text: '{"is":"so"}',
};
let answer = right;
let described: object = document;
let url = '';
const server = createServer(({ url: path }, response) => {
  if (path === '/openapi.json') return response.end(JSON.stringify(described));
  const { status, headers, text } = answer;
  return response.writeHead(status, headers).end(text);
});

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});

afterAll(() => {
  server.close();
});

const asked = (body: object = { a: 1 }, path = '/v1/thing') => new ApiClient(() => url).ask(path, { body });

describe('an answer', () => {
  test('that is described passes', async () => {
    answer = right;
    expect((await asked()).json).toEqual({ is: 'so' });
  });

  test.each<[string, Partial<Answer>, RegExp]>([
    ['of another status', { status: 201 }, /does not describe this status/],
    ['without a header', { headers: { 'content-type': 'application/json' } }, /the header ETag/],
    ['of another shape', { text: '{"is":7}' }, /\/is must be string/],
    ['that lacks something', { text: '{}' }, /must have required property 'is'/],
    ['of another type', { headers: { etag: '"1"', 'content-type': 'text/plain' } }, /its type/],
  ])('%s is found', async (_, planted, found) => {
    answer = { ...right, ...planted };
    await expect(asked()).rejects.toThrow(found);
  });

  test('to what the document forbids is found', async () => {
    answer = right;
    await expect(asked({ a: 'text' })).rejects.toThrow(/what was sent: \/a must be number/);
    await expect(asked({}, '/v1/thing?b=1')).rejects.toThrow(/its query/);
    await expect(asked({}, '/v1/other')).rejects.toThrow();
  });
});

test('a document that is none is found', async () => {
  described = { ...document, info: {} };
  await expect(asked()).rejects.toThrow(/is an OpenAPI 3.1 document/);
  described = document;
});
