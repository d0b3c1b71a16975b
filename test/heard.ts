/** What a listener has heard, and a way to wait for it without a sleep. */
export class Heard<Message> {
  readonly all: Message[] = [];
  #waiting: { count: number; resolve: (all: readonly Message[]) => void }[] = [];

  /** To be handed over as the listener. */
  readonly add = (message: Message): void => {
    this.all.push(message);
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.all.length >= count) resolve([...this.all]);
      return this.all.length < count;
    });
  };

  /** Everything heard so far, once that is at least `count`. */
  atLeast(count: number): Promise<readonly Message[]> {
    if (this.all.length >= count) return Promise.resolve([...this.all]);
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }
}
