import { describe, expect, test } from 'vitest';
import { discrepanciesOf, Ledger } from '../../actors/ledger.ts';
import { sourceOf } from '../../actors/request.ts';
import { headOf } from '../../runtime/head.ts';
import type { Page, Rejection, Submission } from '../../runtime/ports.ts';
import { type JobRecord, jobKey } from '../../runtime/record.ts';
import { step } from '../../runtime/step.ts';
import { plainJob } from './stage.ts';

const created = 1_700_000_000_000;
const hour = 3_600_000;
const now = created + 2 * hour;

/** A ledger of submissions 11 to 20, of which masters have taken in all up to 18. */
function setUp(more: { keepAtMost?: number } = {}) {
  const submit = { createdAt: created, first: 11, last: 20, floor: 18 };
  return new Ledger({ submit, now, retentionMs: hour, ...more });
}

function submission(sequence: number, more: Partial<Submission> = {}): Submission {
  return {
    sequence,
    streamCreatedAt: created,
    tenant: 'default',
    type: 'noop',
    headers: new Map([['job-id', `job-${sequence}`]]),
    body: new TextEncoder().encode('{}'),
    at: now - 1_000,
    deliveries: 1,
    ...more,
  };
}

function jobOf(sequence: number, more: Partial<JobRecord> = {}): JobRecord {
  const source = sourceOf({ streamCreatedAt: created, sequence });
  return { ...plainJob(`job-${sequence}`), source, ...more };
}

function pageOf(record: JobRecord, revision = 7): Page & { kind: 'record' } {
  const key = jobKey(record);
  const head = headOf(key, revision, record);
  const ttl = record.settledAt === undefined ? {} : { ttlMs: hour };
  return { kind: 'record', key, revision, record, head, ...ttl };
}

/** The same page without a time after which it is gone. */
function forEver({ ttlMs: _, ...page }: Page & { kind: 'record' }): Page {
  return page;
}

const settled = (record: JobRecord) => step(record, { type: 'job.cancel', at: now }).record;
const rejection = (sequence: number, at = now): Rejection => ({
  at,
  subject: 'default/noop',
  sequence,
  reason: 'No.',
  body: '',
  headers: {},
});

describe('a submission', () => {
  test.each<[string, (ledger: Ledger) => void, number, Record<string, number>]>([
    ['whose job waits is open', (ledger) => void ledger.page(pageOf(jobOf(12))), 12, { open: 1 }],
    ['whose job has ended is settled', (ledger) => void ledger.page(pageOf(settled(jobOf(12)))), 12, { settled: 1 }],
    ['that was refused is rejected', (ledger) => ledger.rejection(rejection(12)), 12, { rejected: 1 }],
    ['that no master has seen is waiting', () => undefined, 19, { waiting: 1 }],
  ])('%s', (_, tell, sequence, counts) => {
    const ledger = setUp();
    tell(ledger);
    expect(ledger.submission(submission(sequence))).toBeUndefined();
    expect(ledger.report()).toMatchObject({ agrees: true, submissions: { submitted: 1, missing: 0, ...counts } });
  });

  test('so old that its record may have been forgotten has expired, by the shortest time that a record shows', () => {
    const ledger = setUp();
    ledger.submission(submission(12, { at: now - hour }));
    ledger.page({ ...pageOf(settled(jobOf(13))), ttlMs: 60_000 });
    ledger.submission(submission(14, { at: now - 60_000 }));
    expect(ledger.report().submissions).toMatchObject({ expired: 2, missing: 0 });
  });

  test('without a job has expired, and a sentence says so, where as many settled jobs are there as are kept', () => {
    const ledger = setUp({ keepAtMost: 1 });
    expect(ledger.submission(submission(12))).toBe('default.job-12');
    ledger.page(pageOf(settled(jobOf(13))));
    expect(ledger.submission(submission(14))).toBeUndefined();
    const { submissions, limits } = ledger.report();
    expect(submissions).toMatchObject({ expired: 1, missing: 0 });
    expect(limits).toContainEqual(expect.stringContaining('Nearly as many settled jobs'));
  });

  test('of an earlier stream says nothing of those in this one', () => {
    const ledger = setUp();
    ledger.rejection(rejection(12, created - 1));
    ledger.page(pageOf(jobOf(12, { source: sourceOf({ streamCreatedAt: created - hour, sequence: 12 }) })));
    expect(ledger.submission(submission(12))).toBe('default.job-12');
    expect(ledger.report().jobs).toMatchObject({ fromSubmissions: 0, fromOlder: 1 });
  });

  test('that was decided and has neither job nor rejection is asked about, and named when nothing is there', () => {
    const ledger = setUp();
    expect(ledger.submission(submission(12))).toBe('default.job-12');
    ledger.settle(submission(12), undefined);
    expect(ledger.report()).toMatchObject({
      agrees: false,
      submissions: { submitted: 1, missing: 1 },
      discrepancies: [{ of: 'submission 12', met: 'nothing under default.job-12' }],
    });
  });

  test('whose job was read too late is what its job is now', () => {
    const ledger = setUp();
    ledger.settle(submission(12), pageOf(jobOf(12)));
    expect(ledger.report()).toMatchObject({ agrees: true, submissions: { open: 1 } });
  });

  test('under the id of another job, of other content and with no rejection, is missing', () => {
    const ledger = setUp();
    ledger.settle(submission(12), pageOf(jobOf(13, { id: 'job-12', contentHash: 'another' })));
    expect(ledger.report().discrepancies[0]?.met).toBe('another job under default.job-12, of other content');
  });

  test('with a job and a rejection, or with two jobs, is named', () => {
    const ledger = setUp();
    ledger.page(pageOf(jobOf(12)));
    ledger.rejection(rejection(12));
    ledger.submission(submission(12));
    ledger.page(pageOf(jobOf(13)));
    ledger.page(pageOf(jobOf(13, { id: 'another' })));
    const found = ledger.report().discrepancies.map(({ what }) => what);
    expect(found).toEqual(['both a job and a rejection', 'one submission became two jobs']);
  });
});

test('a job that moves on while the pages are read, and comes twice, counts once', () => {
  const ledger = setUp();
  ledger.page(pageOf(jobOf(12)));
  ledger.page(pageOf(settled(jobOf(12)), 8));
  ledger.submission(submission(12));
  expect(ledger.report()).toMatchObject({
    agrees: true,
    submissions: { settled: 1, open: 0 },
    jobs: { total: 1, settled: 1, open: 0 },
  });
});

test.each([
  ['no submission', 'direct:there', { direct: 1, fromOlder: 0 }],
  ['a submission that is gone', 'somewhere-else', { direct: 0, fromOlder: 1 }],
])('so does one of %s, however often it comes', (_, source, counts) => {
  const ledger = setUp();
  const job = jobOf(12, { source });
  for (const revision of [7, 8]) ledger.page(pageOf(job, revision));
  ledger.page(pageOf(settled(job), 9));
  expect(ledger.report().jobs).toMatchObject({ total: 1, settled: 1, open: 0, ...counts });
});

test('of more discrepancies than anybody reads, the rest is counted', () => {
  const ledger = setUp();
  for (let n = 0; n < 1_003; n++) ledger.settle(submission(12), undefined);
  expect(ledger.report()).toMatchObject({ more: 3, submissions: { missing: 1_003 } });
});

describe('by itself', () => {
  test.each<[string, Page, string[]]>([
    ['a sound page is told nothing of', pageOf(jobOf(12)), []],
    ['a settled record that stays for ever', forEver(pageOf(settled(jobOf(12)))), ['kept for the wrong time']],
    ['an open record that expires', { ...pageOf(jobOf(12)), ttlMs: 5 }, ['kept for the wrong time']],
    [
      'a head that says otherwise',
      { ...pageOf(jobOf(12)), head: headOf('default.job-12', 7, settled(jobOf(12))) },
      ['head and body differ'],
    ],
    [
      'a lease of a term that is not there yet',
      { kind: 'lease', key: '_leader', revision: 3, lease: { holder: 'm', name: 'm', term: 4, batch: 0 } },
      ['lease from the future'],
    ],
    ['a key that is no job', { kind: 'unreadable', key: 'stray', revision: 3, why: 'What?' }, ['unknown key']],
    [
      'a record that cannot be read',
      { kind: 'unreadable', key: 'default.a', revision: 3, why: 'What?' },
      ['record unreadable'],
    ],
    ['a key of ours, or one that was removed', { kind: 'removed', key: 'default.a', revision: 3 }, []],
  ])('%s', (_, page, found) => {
    expect(discrepanciesOf(page).map(({ what }) => what)).toEqual(found);
  });
});
