/**
 * What tests of the console share beside the page itself: saying yes, and reading counts from a picture.
 */

import type { Page } from 'playwright-core';

/** Says yes to what is asked over the page. */
export async function confirm(page: Page, verb: string | RegExp): Promise<void> {
  await page.getByRole('dialog').getByRole('button', { name: verb, exact: true }).click();
}

/** How many the picture says are in each state, by its name. */
export async function countsIn(page: Page) {
  const states = await page
    .locator('.state[data-count]')
    .evaluateAll((those) => those.map((one) => [one.getAttribute('data-path'), one.getAttribute('data-count')]));
  return (name: string) => Number(states.find(([path]) => path?.endsWith(name))?.[1] ?? Number.NaN);
}
