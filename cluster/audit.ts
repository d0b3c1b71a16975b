/**
 * Reads the books from end to end and holds them against one another. Reads only, and a few hundred messages at a time.
 *
 * A cluster may run meanwhile. What a replica that lags seems to say, or what was about to be put right, is looked at
 * once more at the leader of the stream before it counts as a discrepancy.
 */

import { formerKeyOf } from '../actors/admission.ts';
import { noteKey } from '../actors/birth.ts';
import { type AuditReport, type Discrepancy, discrepanciesOf, Ledger } from '../actors/ledger.ts';
import { readRequest } from '../actors/request.ts';
import type { Books, Page, Submission } from '../runtime/ports.ts';

export type { AuditReport, Discrepancy };

export interface AuditOptions {
  books: Books;
  /** Broker time, epoch ms. */
  now: number;
  retentionMs: number;
  keepAtMost: number;
}

export async function audit({ books, now, retentionMs, keepAtMost }: AuditOptions): Promise<AuditReport> {
  const submit = await books.submitState();
  const ledger = new Ledger({ submit, now, retentionMs, keepAtMost });
  for await (const page of books.pages())
    if (ledger.page(page).length > 0) for (const found of await lookAgain(books, page.key)) ledger.add(found);
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
