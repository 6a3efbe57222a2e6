/**
 * Caller addresses, as far as learning needs them: do many requests come from one place?
 *
 * The state stores a keyed hash of the network (IPv4 /24, IPv6 /48). It shows that two records came from
 * the same network; which network it was, nobody without the state's secret can tell.
 */
import { createHmac } from 'node:crypto';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { ConfigError } from '../errors.js';

/** Proxies whose `x-forwarded-for` is believed. @throws ConfigError that names what is no address */
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
 * The caller's address: that of the connection or, if a trusted proxy connects, the last address in
 * `x-forwarded-for` that is no trusted proxy. Callers can forge only what comes before it.
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

/** Strips port and brackets, and turns an IPv4-mapped address into IPv4; undefined if it is no address. */
function plain(text: string): string | undefined {
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const address = /^::ffff:([\d.]+)$/i.exec(bare)?.[1] ?? bare;
  return isIP(address) ? address : undefined;
}
