// Carries an error that the broker cannot survive from the part that meets it to the service that ends the broker. The
// service is built from its parts, so a part cannot be given the service.

export class FailureSignal {
  #handler: ((error: Error) => void) | undefined;
  #raised: Error | undefined;

  /** The handler is called at once if an error was raised before. */
  handledBy(handler: (error: Error) => void): void {
    this.#handler = handler;
    if (this.#raised !== undefined) handler(this.#raised);
  }

  readonly raise = (error: Error): void => {
    this.#raised ??= error;
    this.#handler?.(error);
  };
}
