// The paths that need no token on loopback: metrics and health, which say nothing of single clients. A page in a
// browser on this machine cannot read them: it would have to name a host of its own.
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

export const METRICS_PATH = '/metrics';
export const LIVE_PATH = '/health/live';
export const READY_PATH = '/health/ready';

const PATHS: readonly string[] = [METRICS_PATH, LIVE_PATH, READY_PATH];
const LOOPBACK = /^(::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/;

export function isOpenTo({ method, url = '', headers, socket }: IncomingMessage): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  const [path = ''] = url.split('?');
  const { remoteAddress = '', localAddress = '' } = socket;
  return PATHS.includes(path) && LOOPBACK.test(remoteAddress) && LOOPBACK.test(localAddress) && isHere(headers.host);
}

/** Whether the request is for an address, or for the one name that cannot be another's. */
function isHere(host = ''): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || isIP(name) !== 0;
}
