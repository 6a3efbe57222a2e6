/**
 * Where requests come from, as far as learning has to know: whether many come from one place.
 *
 * What is stored is a keyed hash of the network (IPv4 /24, IPv6 /48), with a secret of the state: it
 * says that two records came from one network, and to nobody without the state which.
 */
import { createHmac } from 'node:crypto';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { ConfigError } from '../errors.js';

/** Whose word on `x-forwarded-for` counts. @throws ConfigError that names what is no address */
export function proxyList(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const [i, address] of addresses.entries()) {
    const [net, bits, ...rest] = address.split('/');
    const family = isIP(net);
    const prefix = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits);
    if (
      !family ||
      rest.length > 0 ||
      !Number.isInteger(prefix) ||
      prefix < 0 ||
      prefix > (family === 6 ? 128 : 32)
    ) {
      throw new ConfigError({
        where: `trusted_proxies[${i}]`,
        what: 'no address',
        expected: 'e.g. 10.0.0.7 or 10.0.0.0/8',
        got: address,
      });
    }
    list.addSubnet(net, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/**
 * The caller's address: the connection's own, or behind trusted proxies the last in
 * `x-forwarded-for` that is none of them. What callers wrote into that header themselves stands before it.
 */
export function callerAddress(
  connection: string | undefined,
  forwarded: string | undefined,
  proxies: BlockList,
): string | undefined {
  let address = plain(connection ?? '');
  const hops = (forwarded ?? '').slice(-2000).split(',');
  while (address !== undefined && trusts(proxies, address) && hops.length > 0) {
    const before = plain(hops.pop()!.trim());
    if (before === undefined) break;
    address = before;
  }
  return address;
}

/** The network of an address, hidden; equal for equal networks. */
export function hiddenNetwork(address: string, secret: string): string {
  return createHmac('sha256', secret).update(network(address)).digest('hex').slice(0, 24);
}

function network(address: string): string {
  if (!isIPv6(address)) return address.split('.').slice(0, 3).join('.');
  const [head, tail] = address
    .split('%')[0]
    .split('::')
    .map((part) => part.split(':').filter(Boolean));
  const zeros = tail === undefined ? 0 : 8 - head.length - tail.length;
  const groups = [...head, ...Array<string>(Math.max(zeros, 0)).fill('0'), ...(tail ?? [])];
  return groups
    .slice(0, 3)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

function trusts(proxies: BlockList, address: string): boolean {
  return proxies.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** Without port and brackets, an IPv4 address as one; undefined where it is none. */
function plain(text: string): string | undefined {
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const address = /^::ffff:([\d.]+)$/i.exec(bare)?.[1] ?? bare;
  return isIP(address) ? address : undefined;
}
