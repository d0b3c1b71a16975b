/**
 * The face of the package `yardmaster`.
 */

export type { Yard } from './yard.ts';
