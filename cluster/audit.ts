/**
 * Reads the books from end to end and holds them against one another. Reads only, and a few hundred messages at a time.
 *
 * A cluster may run meanwhile. What a replica that lags seems to say, or what was about to be put right, is looked at
 * once more at the leader of the stream before it counts as a discrepancy.
 */

import { type AuditReport, type Discrepancy, discrepanciesOf, Ledger } from '../actors/ledger.ts';
import type { Books } from '../runtime/ports.ts';

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
    if (key !== undefined) ledger.settle(submission, await books.page(key));
  }
  return ledger.report();
}

async function lookAgain(books: Books, key: string): Promise<readonly Discrepancy[]> {
  const page = await books.page(key);
  return page === undefined ? [] : discrepanciesOf(page);
}
