/**
 * Webhooks: a receiver is told of a job that has settled, and believes it only where the signature is right.
 * Run it where `yard up --webhook-private yes` runs: the receiver is on this machine.
 */

import { equal } from 'node:assert/strict';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { connect } from '../../sdk/index.ts';

function isSigned({ headers }: IncomingMessage, body: string, secret: string): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const right = Buffer.from(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  const met = Buffer.from(String(headers['webhook-signature']));
  return met.length === right.length && timingSafeEqual(met, right);
}

const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
const port = typeof address === 'object' ? address?.port : '';
const yard = await connect();
const { webhook, secret } = await yard.webhooks.add({ url: `http://127.0.0.1:${port}/jobs`, types: ['noop'] });

const told = new Promise<string>((resolve, reject) => {
  server.on('request', (request, response) => {
    text(request).then((body) => {
      const isRight = isSigned(request, body, secret);
      response.writeHead(isRight ? 204 : 401).end();
      if (isRight) resolve(body);
      else reject(new Error('Expected a right signature, met a wrong one.'));
    }, reject);
  });
});
const job = await yard.submit('noop', {});
const body = await told;
console.log(body);
equal(JSON.parse(body).data.id, job.id);
await yard.webhooks.remove(webhook.webhook);
await yard.close();
server.close();
server.closeAllConnections();
