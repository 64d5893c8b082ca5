// Where the backup is, for the server and the client: neither needs the other.

export const BACKUP_PATH = '/api/v1/backup';

/** The kind of the line that ends a download in place of `end`. No import takes it. */
export const FAILED = 'failed';
