// What every page gets.
import type { Caller } from '../api.js';

export interface PageProps {
  readonly caller: Caller;
  /** From the URL, such as a Client Identifier. */
  readonly subject: string | undefined;
  readonly theme: string;
}
