// The proxies that are trusted to name their clients: a list of addresses and networks.
import { BlockList, isIP } from 'node:net';
import { plainAddress } from 'hexmq/ports';

export interface TrustedProxyOptions {
  /** Addresses, and networks in CIDR notation: `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`. */
  readonly trusted: readonly string[];
}

export class TrustedProxies {
  readonly #list = new BlockList();

  /**
   * @param key of the option, for messages.
   * @throws Error naming the entry that is neither an address nor a network.
   */
  constructor(key: string, { trusted }: TrustedProxyOptions) {
    if (trusted.length === 0)
      throw new Error(`${key}.trusted is an empty list, expected the addresses of at least one proxy`);
    for (const network of trusted) this.#add(key, network);
  }

  has(address: string | undefined): boolean {
    if (address === undefined) return false;
    // A zone (`%eth0`) names an interface of this machine and is not part of the address.
    const [plain = ''] = plainAddress(address).split('%');
    const family = isIP(plain);
    return family !== 0 && this.#list.check(plain, family === 6 ? 'ipv6' : 'ipv4');
  }

  #add(key: string, network: string): void {
    const [address = '', prefix, ...rest] = network.split('/');
    const family = isIP(address);
    const longest = family === 6 ? 128 : 32;
    const length = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
    if (family === 0 || rest.length > 0 || !(length <= longest)) {
      throw new Error(`${key}.trusted: "${network}" is not valid, expected an address or a network such as 10.0.0.0/8`);
    }
    this.#list.addSubnet(address, length, family === 6 ? 'ipv6' : 'ipv4');
  }
}
