/**
 * What two failures have in common: type, kind, and message without what differs from job to job.
 *
 * A group is named by a hash of these, so that its name stays the same for as long as there are such jobs.
 */

import { createHash } from 'node:crypto';
import type { JobRecord } from '../runtime/record.ts';

const longest = 200;

/** The name of the group to which a failed job belongs. */
export function groupOf({ type, context: { error } }: JobRecord): string {
  const same = JSON.stringify([type, error?.kind, commonText(error?.message ?? '')]);
  return createHash('sha256').update(same).digest('hex').slice(0, 8);
}

/** A message without what differs from job to job. */
export function commonText(message: string): string {
  return message
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<id>')
    .replaceAll(/\bhttps?:\/\/[^\s'"`]+/g, '<url>')
    .replaceAll(/(["'`])(?:(?!\1).){1,200}\1/g, '<text>')
    .replaceAll(/(?<![\w<])\.{0,2}\/[^\s:,;)]+/g, '<path>')
    .replaceAll(/\b(?=[a-z]*\d)(?=\d*[a-z])[0-9a-z]{8,}\b/gi, '<id>')
    .replaceAll(/\d+(?:[.,]\d+)*/g, '<n>')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, longest);
}
