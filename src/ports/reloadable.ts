// The reload hook of a port: adapters that read files which people change while the broker runs.

/** An adapter that can read its files again. */
export interface Reloadable {
  /**
   * Reads the files again. The current state stays in use until everything has been read.
   * @throws Error whose message names the file, what is wrong in it and what was expected. The state is then unchanged.
   */
  reload?(): Promise<void>;
}
