/**
 * Moments, durations and sizes in words; absolute moments in the reader's time zone or in UTC.
 */

import { signal } from '@preact/signals';

export const isUtc = signal(localStorage.getItem('utc') === 'yes');

export function toggleUtc(): void {
  isUtc.value = !isUtc.value;
  localStorage.setItem('utc', isUtc.value ? 'yes' : 'no');
}

/** `2026-11-26 17:04:05.123`, in the zone that was chosen. */
export function moment(at: number): string {
  const local = isUtc.value ? at : at - new Date(at).getTimezoneOffset() * 60_000;
  return `${new Date(local).toISOString().replace('T', ' ').slice(0, 23)}${isUtc.value ? 'Z' : ''}`;
}

/** `3 s ago`, `in 2 min`. */
export function relative(at: number, now = Date.now()): string {
  const ms = now - at;
  return ms >= 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`;
}

/** `12 ms`, `3.4 s`, `5 min`, `2 h 10 min`, `3 d`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(ms % 1_000 === 0 ? 0 : 1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d`;
}

/** `512 MB`, `24.1 GB`. */
export function megabytes(mb: number): string {
  return mb < 1_000 ? `${Math.round(mb)} MB` : `${(mb / 1_000).toFixed(1)} GB`;
}
