// The working directory, which may be deleted while a process is in it: Node then refuses whatever needs its path.

/** Whether that is why the error was thrown. It is the same for every relative path, so no single key is to blame. */
export const isWorkingDirectoryGone = (error: unknown): error is Error =>
  error instanceof Error && (error as NodeJS.ErrnoException).syscall === 'uv_cwd';
