// User names as they are kept for events and for counting. Clients choose them, up to 65,535 bytes each.

/** In UTF-16 code units. User names that agree in this prefix are counted together. */
export const USER_NAME_KEPT_MAX = 128;

/**
 * The beginning of a user name. A part of a string would keep the whole of it in memory, so the part is put together
 * again.
 */
export function shortUserName(userName: string): string {
  return userName.length <= USER_NAME_KEPT_MAX ? userName : [...userName.slice(0, USER_NAME_KEPT_MAX)].join('');
}
