/**
 * Records that nobody here can read: of a newer version, or spoilt.
 */

import { isFault } from '../runtime/faults.ts';

/** What `read` finds; `instead` where the record is there and cannot be read. @throws whatever else `read` fails with. */
export async function whereUnreadable<Found, Instead>(
  read: Promise<Found>,
  instead: Instead,
): Promise<Found | Instead> {
  try {
    return await read;
  } catch (cause) {
    if (isFault(cause, 'record.unreadable')) return instead;
    throw cause;
  }
}
