/** The books of a whole simulated cluster agree after a bad minute, and whatever is spoilt in them afterwards is named. */

import { expect, test } from 'vitest';
import { type AuditReport, discrepanciesOf, Ledger } from '../../actors/ledger.ts';
import { headOf } from '../../runtime/head.ts';
import { seeded } from '../../runtime/memory/manual-clock.ts';
import type { Page, Submission } from '../../runtime/ports.ts';
import { type JobRecord, upcast } from '../../runtime/record.ts';
import { type Simulation, simulation } from './simulation.ts';
import { badMinute, randomOdds, randomSettings } from './story.ts';

const retentionMs = 30 * 86_400_000;

/** The newest of every key, as the broker has it. */
function pagesOf(sim: Simulation): Page[] {
  const newest = new Map(sim.broker.history().map((write) => [write.key, write]));
  return [...newest.values()].map(({ key, revision, json }) => {
    if (key === '_leader') return { kind: 'lease', key, revision, lease: JSON.parse(json) };
    return recordPage(key, revision, upcast(JSON.parse(json)));
  });
}

function recordPage(key: string, revision: number, record: JobRecord): Page {
  const ttl = record.settledAt === undefined ? {} : { ttlMs: retentionMs };
  return { kind: 'record', key, revision, record, head: headOf(key, revision, record), ...ttl };
}

/** What was submitted, numbered as it came. */
function submissionsOf(sim: Simulation, streamCreatedAt: number): Submission[] {
  return sim.kept.map((id, place) => ({
    sequence: place + 1,
    streamCreatedAt,
    tenant: 'default',
    type: 'noop',
    headers: new Map([['job-id', id]]),
    body: new TextEncoder().encode('{}'),
    at: sim.clock.now(),
    deliveries: 1,
  }));
}

function audit(pages: readonly Page[], submissions: readonly Submission[], now: number): AuditReport {
  const { length: last } = submissions;
  const createdAt = submissions[0]?.streamCreatedAt ?? 0;
  const ledger = new Ledger({ submit: { createdAt, first: 1, last, floor: last }, now, retentionMs });
  const byKey = new Map(pages.map((page) => [page.key, page]));
  for (const page of pages) {
    ledger.page(page);
    for (const found of discrepanciesOf(page)) ledger.add(found);
  }
  for (const submission of submissions) {
    const key = ledger.submission(submission);
    if (key !== undefined) ledger.settle(submission, byKey.get(key));
  }
  return ledger.report();
}

type Spoil = (page: Page & { kind: 'record' }) => readonly Page[];

const spoils: Readonly<Record<string, Spoil>> = {
  'taken away': () => [],
  'written twice': (page) => [page, recordPage('default.copy', page.revision + 1, { ...page.record, id: 'copy' })],
  'of another submission': (page) => [{ ...page, record: { ...page.record, source: 'direct:x-1' } }],
  'without its last transition': (page) => [
    { ...page, record: { ...page.record, transitions: page.record.transitions.slice(0, -1) } },
  ],
  'in another state': (page) => [{ ...page, record: { ...page.record, state: 'processing' } }],
  'with an attempt more': (page) => [
    { ...page, record: { ...page.record, context: { ...page.record.context, attempt: 99 } } },
  ],
  'never settled': ({ record: { settledAt: _, ...record }, ...page }) => [{ ...page, record }],
  unreadable: ({ key, revision }) => [{ kind: 'unreadable', key, revision, why: 'Expected a record.' }],
};

test.each([21, 22])('after the bad minute of seed %d', async (seed) => {
  const options = { seed, masters: 2, workers: 2, odds: randomOdds(seed), settings: randomSettings(seed) };
  let cluster: Simulation | undefined;
  let streamCreatedAt = 0;
  await simulation(options, async (sim) => {
    cluster = sim;
    streamCreatedAt = sim.clock.now() - sim.clock.mono();
    await badMinute(sim, 30);
  });
  if (cluster === undefined) throw new Error('Expected a simulation, got none.');
  const pages = pagesOf(cluster);
  const submissions = submissionsOf(cluster, streamCreatedAt);
  const now = cluster.clock.now();
  const report = audit(pages, submissions, now);
  expect(report.discrepancies).toEqual([]);
  expect(report.submissions).toMatchObject({ submitted: submissions.length, missing: 0 });
  const chance = seeded(seed);
  for (const [how, spoil] of Object.entries(spoils)) {
    const chosen = Math.floor(chance() * pages.length);
    const spoilt = pages.flatMap((page, at) => (at === chosen && page.kind === 'record' ? spoil(page) : [page]));
    const { agrees } = audit(spoilt, submissions, now);
    expect({ how, agrees }).toEqual({ how, agrees: pages[chosen]?.kind !== 'record' });
  }
});
