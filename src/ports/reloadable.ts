// What can be told to read its files again.
/** What reads files that people change. */
export interface Reloadable {
  /**
   * Reads them again. What it has goes on to be used until all of it has been read.
   * @throws Error whose message names the file, what is wrong in it and what was expected; nothing has changed then.
   */
  reload?(): Promise<void>;
}
