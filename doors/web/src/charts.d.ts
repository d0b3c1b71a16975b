/**
 * The charts as they were drawn, and the words of a job, when the pages were built.
 */

declare module 'virtual:charts' {
  interface Chart {
    /** Of what the machine says; another machine has another one. */
    hash: string;
    right: Readonly<Record<import('../drawing/layout.ts').Detail, import('../drawing/layout.ts').Drawing>>;
    down: Readonly<Record<import('../drawing/layout.ts').Detail, import('../drawing/layout.ts').Drawing>>;
  }
  export const charts: Readonly<Record<'job' | 'worker' | 'schedule' | 'election', Chart>>;
}

declare module 'virtual:job' {
  export const job: import('../drawing/words.ts').JobWords;
}
