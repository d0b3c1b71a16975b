/** Each settled job that a webhook wants to hear of gets one delivery, whoever leads and however often it is read. */

import { expect, test } from 'vitest';
import { Committer } from '../../actors/committer.ts';
import { Webhooks } from '../../actors/webhooks.ts';
import { WebhookVerbs } from '../../cluster/webhooks.ts';
import type { WebhookRecord } from '../../machines/rules/webhook.ts';
import { moved } from '../ports.contract.ts';
import { create, entryOf, plainJob, type Stage, stage } from './stage.ts';

const types = new Map([['webhook', { type: 'webhook', defaults: { queue: 'webhooks' } }]]);

async function setUp() {
  const on = stage();
  const { clock, world, telemetry } = on;
  const webhooks = new Map<string, WebhookRecord>();
  await clock.until(world.control.webhooks.watch((record) => webhooks.set(record.webhook, record)));
  const made: string[] = [];
  const lead = () => {
    const { commit } = new Committer({ store: world.store, clock, telemetry });
    const onCreated = (_head: unknown, { payload }: { payload: unknown }) => made.push(JSON.stringify(payload));
    const leader = new Webhooks({ world, webhooks, types, clock, telemetry, commit, onCreated });
    leader.start();
    return leader;
  };
  // Nobody here has one tested.
  const submitter = { submit: () => Promise.reject(new Error('Expected no submission.')) };
  const of = (tenant: string) => new WebhookVerbs({ world, clock, tenant, submitter });
  return { ...on, webhooks, made, lead, of };
}

async function settle({ clock, world }: Stage, id: string, more = {}): Promise<void> {
  const job = plainJob(id, more);
  const [revision = 0] = await clock.until(create(world.store, job));
  const gone = moved(job, { type: 'job.cancel', at: clock.now() });
  await clock.until(world.store.write([entryOf(gone, revision)]));
}

const url = 'https://example.com/jobs';

test('of what settled after it was registered each job makes one delivery, by state, type, queue and tenant', async () => {
  const on = await setUp();
  await settle(on, 'before');
  await on.clock.until(on.of('default').add({ url, queues: ['live'], states: ['cancelled'] }));
  await on.clock.until(on.of('default').add({ url, states: ['completed'] }));
  await on.clock.until(on.of('acme').add({ url }));
  on.lead();
  await settle(on, 'other-queue');
  await settle(on, 'right', { queue: 'live' });
  await settle(on, 'theirs', { tenant: 'acme' });
  await on.clock.advance(30_000);
  expect(on.made.map((each) => JSON.parse(each).event.data.id)).toEqual(['right', 'theirs']);
});

test('a leader that follows makes none twice, and those that the former one had not made', async () => {
  const on = await setUp();
  await on.clock.until(on.of('default').add({ url }));
  const former = on.lead();
  await settle(on, 'a');
  former.wake();
  await on.clock.advance(1_000);
  expect(on.made).toHaveLength(1);
  former.stop();
  await settle(on, 'b');
  on.lead();
  await on.clock.advance(30_000);
  expect(on.made.map((each) => JSON.parse(each).event.data.id)).toEqual(['a', 'b']);
});

test('a delivery that settles is told to nobody', async () => {
  const on = await setUp();
  await on.clock.until(on.of('default').add({ url }));
  on.lead();
  await settle(on, 'd', { type: 'webhook' });
  await on.clock.advance(30_000);
  expect(on.made).toEqual([]);
});

test('where places are saved, the next leader reads from there, and what was removed is told of nothing', async () => {
  const on = await setUp();
  const { webhook } = await on.clock.until(on.of('default').add({ url }));
  on.lead();
  await settle(on, 'a');
  const { place } = await on.clock.until(on.world.control.webhooks.of(webhook.webhook));
  await on.clock.advance(30_000);
  const saved = await on.clock.until(on.world.control.webhooks.of(webhook.webhook));
  expect(saved.place).toBeGreaterThan(place);
  await on.clock.until(on.of('default').remove(webhook.webhook));
  await settle(on, 'b');
  await on.clock.advance(30_000);
  expect(on.made).toHaveLength(1);
});
