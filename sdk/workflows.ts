/**
 * Workflows: jobs that are given at once and wait for one another.
 */

import type { Client } from '../cluster/client.ts';
import type { WaitOptions } from '../cluster/watch.ts';
import type { WorkflowGiven } from '../cluster/workflow-given.ts';
import type { WorkflowListing, WorkflowPage } from '../cluster/workflow-list.ts';
import type { SubmittedWorkflow, WorkflowOutcome } from '../cluster/workflow-verb.ts';
import type { WorkflowSummary, WorkflowView } from '../cluster/workflow-view.ts';

export class Workflows {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Submits all jobs of a workflow in one atomic batch, at most 500: all of them are stored, or none is. Each is called
   * `<workflow>-<node>`, and `<workflow>-<node>-<n>` where its node is a list.
   *
   * @throws {Fault} `input.invalid` where a name is unknown or nodes wait in a circle, which is named; `job.conflict`
   * @example await yard.workflows.submit({ jobs: { probe: { type: 'probe' }, cut: { type: 'cut', after: ['probe'] } } });
   */
  submit(workflow: WorkflowGiven): Promise<SubmittedWorkflow> {
    return this.#client.workflows.submit(workflow);
  }

  /** The whole as it is now: each of its jobs and what follows from them. @throws {Fault} `workflow.missing` */
  get(id: string): Promise<WorkflowView> {
    return this.#client.workflows.get(id);
  }

  /** Workflows that have jobs and pass the filter, the newest first. */
  async list({ limit = 50, ...filter }: Omit<WorkflowListing, 'cursor'> = {}): Promise<readonly WorkflowSummary[]> {
    const found: WorkflowSummary[] = [];
    for (let cursor: string | undefined; found.length < limit; ) {
      const { workflows, next } = await this.page({ ...filter, cursor, limit: limit - found.length });
      found.push(...workflows);
      if (next === undefined) break;
      cursor = next;
    }
    return found;
  }

  /**
   * A page of them. It may have fewer than `limit`, and more behind `next`: it ends, too, when many jobs were read for it.
   *
   * @throws {Fault} `input.invalid` for a cursor that is none.
   */
  page(options: WorkflowListing = {}): Promise<WorkflowPage> {
    return this.#client.workflows.page(options);
  }

  /** Cancels all of it that is open, in one batch. @throws {Fault} `workflow.missing` */
  cancel(id: string, options: { reason?: string | undefined } = {}): Promise<WorkflowOutcome> {
    return this.#client.done({ what: 'workflow.cancel', target: id, given: options }, () =>
      this.#client.workflows.cancel(id, options),
    );
  }

  /**
   * Has what failed run again, and what could not be reached or was stopped wait again, in one batch. What was cancelled
   * stays so.
   *
   * @throws {Fault} `workflow.missing`
   */
  redrive(id: string): Promise<WorkflowOutcome> {
    return this.#client.done({ what: 'workflow.redrive', target: id }, () => this.#client.workflows.redrive(id));
  }

  /** The whole once all of its jobs are settled. @throws {Fault} `workflow.missing`, `wait.timedOut` */
  async settled(id: string, options: WaitOptions = {}): Promise<WorkflowView> {
    for (;;) {
      const view = await this.get(id);
      if (view.state !== 'open') return view;
      for (const { id: job } of view.jobs) await this.#client.settled(job, options);
    }
  }
}
