// User names and passwords as SASLprep compares them (RFC 4013): the same text in another encoding of Unicode is the
// same name.
import saslprep from '@mongodb-js/saslprep';

/**
 * @param use what is stored may have only characters that Unicode 3.2 knows, what is looked up also later ones.
 * @returns `undefined` if the text is not permitted, or nothing is left of it.
 */
export function prepared(text: string, use: 'stored' | 'looked-up'): string | undefined {
  try {
    return saslprep(text, { allowUnassigned: use === 'looked-up' }) || undefined;
  } catch {
    return undefined;
  }
}
