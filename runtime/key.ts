/**
 * Keys of the bucket of jobs, `<tenant>.<id>`, taken apart.
 */

/** The id of the job under a key. */
export function idIn(key: string): string {
  return key.slice(key.indexOf('.') + 1);
}

/** Whose job it is: what stands before the dot of its key. */
export function tenantIn(key: string): string {
  return key.slice(0, Math.max(0, key.indexOf('.')));
}
