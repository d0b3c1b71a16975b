/**
 * A small summary of the claims that a worker holds, the same whatever their order: for pulses, so that leader and
 * worker notice when they disagree.
 */

/** The number of claims and a 32-bit hash of them. */
export function claimsHash(claims: readonly { key: string; attempt: number }[]): { count: number; hash: number } {
  let hash = 0;
  for (const { key, attempt } of claims) hash = (hash ^ fnv1a(`${key}#${attempt}`)) >>> 0;
  return { count: claims.length, hash };
}

/** FNV-1a, 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
