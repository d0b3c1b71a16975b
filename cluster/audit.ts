/**
 * Reads the books from end to end and holds them against one another. Reads only, and a few hundred messages at a time.
 *
 * A cluster may run meanwhile. What a replica that lags seems to say, or what was about to be put right, is looked at
 * once more at the leader of the stream before it counts as a discrepancy.
 */

import { formerKeyOf } from '../actors/admission.ts';
import { asideFlaws } from '../actors/aside.ts';
import { noteKey } from '../actors/birth.ts';
import { type AuditReport, type Discrepancy, discrepanciesOf, inWords, Ledger } from '../actors/ledger.ts';
import { readRequest } from '../actors/request.ts';
import type { Blobs, Books, Page, Submission } from '../runtime/ports.ts';

export type { AuditReport, Discrepancy };

export interface AuditOptions {
  books: Books;
  blobs: Pick<Blobs, 'find'>;
  /** Broker time, epoch ms. */
  now: number;
  retentionMs: number;
  keepAtMost: number;
}

export async function audit({ books, blobs, now, retentionMs, keepAtMost }: AuditOptions): Promise<AuditReport> {
  const submit = await books.submitState();
  const ledger = new Ledger({ submit, now, retentionMs, keepAtMost });
  for await (const page of books.pages()) {
    const isSound = ledger.page(page).length === 0;
    const found = isSound ? await lookAside(page, { books, blobs }) : await lookAgain(books, page.key);
    for (const each of found) ledger.add(each);
  }
  for await (const rejection of books.rejections()) ledger.rejection(rejection);
  for await (const submission of books.submissions(submit.last)) {
    const key = ledger.submission(submission);
    if (key !== undefined) ledger.settle(submission, await pageOf(books, key, submission));
  }
  return ledger.report();
}

/** Under the key of its job; or the note that it came to another one; or where an earlier version made its job. */
async function pageOf(books: Books, key: string, submission: Submission): Promise<Page | undefined> {
  const former = formerKeyOf(readRequest(submission));
  return (
    (await books.page(key)) ??
    (await books.page(noteKey(key))) ??
    (former === undefined ? undefined : await books.page(former))
  );
}

async function lookAgain(books: Books, key: string): Promise<readonly Discrepancy[]> {
  const page = await books.page(key);
  return page === undefined ? [] : discrepanciesOf(page);
}

/** What lies aside of a job must be there as long as its record is. */
async function lookAside(
  page: Page,
  { books, blobs }: Pick<AuditOptions, 'books' | 'blobs'>,
): Promise<readonly Discrepancy[]> {
  if (page.kind !== 'record' || (await asideFlaws(page.record, blobs)).length === 0) return [];
  const again = await books.page(page.key);
  if (again?.kind !== 'record') return [];
  return (await asideFlaws(again.record, blobs)).map((flaw) => inWords(page.key, flaw));
}
