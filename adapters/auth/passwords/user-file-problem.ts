// What is wrong with a file of users that cannot be read or understood, in words that name the file.

/** @param command the arguments of `hexmq` that make such a file, without the file. */
export function userFileProblem(path: string, error: unknown, command: string): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case undefined:
      return new Error(`${path}: ${message}`, { cause: error });
    case 'ENOENT':
      return new Error(`${path}: there is no such file, expected one made by hexmq ${command} ${path} <user>`, {
        cause: error,
      });
    default:
      return new Error(`${path}: it cannot be read: ${message}`, { cause: error });
  }
}
