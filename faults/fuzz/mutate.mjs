/**
 * Damage to files, drawn from a seed: what disks, careless editors and attackers leave.
 *
 * Bytes are flipped, cut, doubled and swapped; JSON and text also get values of the right shape and the
 * wrong meaning (huge numbers, other types, deep nesting, names of prototypes), which reach further.
 */

const NUMBERS = [0, -1, 1, 0.5, 1e9, 4294967295, 2 ** 53, 1e308, -1e308, 1e-320];
const STRINGS = [
  '',
  ' ',
  'null',
  '__proto__',
  'constructor',
  'toString',
  '../../etc/passwd',
  '\u0000',
  '\ud800',
  '\ufeff',
  '\u202e',
  '<|im_end|>',
  '{{ messages }}',
  '%s%n',
  '(a+)+$',
  '🦊',
  'x'.repeat(10_000),
];

const nested = (depth, open, close, inner) => open.repeat(depth) + inner + close.repeat(depth);

/** Snippets that are pasted into text of any kind. */
const SNIPPETS = [
  ...STRINGS,
  '\n',
  '\r\n',
  '\t',
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  '---\n',
  '&a [*a]',
  '*x',
  '<<: *a',
  '!!js/function ""',
  '{% for i in range(10000000) %}{% endfor %}',
  '{% endif %}',
  nested(500, '[', ']', '1'),
  nested(500, '{"a":', '}', '1'),
  `${'9'.repeat(400)}`,
  'NaN',
  'Infinity',
  '1e999',
];

/** @returns {{ bytes: Buffer, what: string }} other bytes than were given, and in words what was done */
export function mutate(bytes, kind, random) {
  for (let tries = 0; tries < 20; tries++) {
    const ways =
      kind === 'json'
        ? [...BINARY, ...TEXT, ...JSON_WAYS, ...JSON_WAYS]
        : kind === 'text'
          ? [...BINARY, ...TEXT, ...TEXT]
          : BINARY;
    const way = ways[random.int(ways.length)];
    const made = way(bytes, random);
    if (made !== undefined && !made.bytes.equals(bytes)) return made;
  }
  return { bytes: bytes.subarray(0, bytes.length - 1), what: 'last byte cut off' };
}

const BINARY = [
  function flip(bytes, random) {
    if (bytes.length === 0) return undefined;
    const copy = Buffer.from(bytes);
    const at = random.int(bytes.length);
    const bit = random.int(8);
    copy[at] ^= 1 << bit;
    return { bytes: copy, what: `bit ${bit} of byte ${at} flipped` };
  },
  function overwrite(bytes, random) {
    if (bytes.length < 8) return undefined;
    const copy = Buffer.from(bytes);
    const at = random.int(bytes.length - 4);
    const value = [0, 0xffffffff, 0x7fffffff, 0x80000000, 0x7fc00000, 0x7f800000][random.int(6)];
    copy.writeUInt32LE(value, at);
    return { bytes: copy, what: `bytes ${at} to ${at + 3} set to ${value}` };
  },
  // headers stand in front, where a byte means more
  function early(bytes, random) {
    if (bytes.length < 64) return undefined;
    const copy = Buffer.from(bytes);
    const at = random.int(64);
    copy[at] = random.int(256);
    return { bytes: copy, what: `byte ${at} set to ${copy[at]}` };
  },
  function cut(bytes, random) {
    if (bytes.length === 0) return undefined;
    const length = random.int(bytes.length);
    return { bytes: bytes.subarray(0, length), what: `cut after ${length} bytes` };
  },
  function remove(bytes, random) {
    if (bytes.length < 2) return undefined;
    const at = random.int(bytes.length - 1);
    const length = 1 + random.int(Math.min(64, bytes.length - at));
    return {
      bytes: Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]),
      what: `${length} bytes at ${at} removed`,
    };
  },
  function double(bytes, random) {
    if (bytes.length < 2) return undefined;
    const at = random.int(bytes.length - 1);
    const end = at + 1 + random.int(Math.min(4096, bytes.length - at));
    return {
      bytes: Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]),
      what: `bytes ${at} to ${end} doubled`,
    };
  },
  function zeros(bytes, random) {
    if (bytes.length === 0) return undefined;
    const copy = Buffer.from(bytes);
    const at = random.int(bytes.length);
    const end = Math.min(bytes.length, at + 4096);
    copy.fill(0, at, end);
    return { bytes: copy, what: `zeros from ${at} to ${end}` };
  },
  function noise(bytes, random) {
    const copy = Buffer.from(bytes);
    const count = 1 + random.int(32);
    for (let i = 0; i < count && bytes.length > 0; i++) copy[random.int(bytes.length)] = random.int(256);
    return { bytes: copy, what: `${count} bytes at random` };
  },
];

const TEXT = [
  function insert(bytes, random) {
    const at = random.int(bytes.length + 1);
    const snippet = SNIPPETS[random.int(SNIPPETS.length)];
    return {
      bytes: Buffer.concat([bytes.subarray(0, at), Buffer.from(snippet), bytes.subarray(at)]),
      what: `${JSON.stringify(snippet.slice(0, 40))} inserted at ${at}`,
    };
  },
  function lines(bytes, random) {
    const parts = bytes.toString('latin1').split('\n');
    const [a, b] = [random.int(parts.length), random.int(parts.length)];
    [parts[a], parts[b]] = [parts[b], parts[a]];
    if (random.int(2) === 0) parts.splice(a, 1);
    return { bytes: Buffer.from(parts.join('\n'), 'latin1'), what: `lines ${a} and ${b} swapped` };
  },
  function encoding(bytes, random) {
    const text = bytes.toString('utf8');
    const ways = ['\ufeff', 'utf16le', 'crlf'];
    const way = ways[random.int(3)];
    if (way === 'utf16le') return { bytes: Buffer.from(text, 'utf16le'), what: 'written as UTF-16' };
    if (way === 'crlf')
      return { bytes: Buffer.from(text.replaceAll('\n', '\r\n')), what: 'Windows line ends' };
    return { bytes: Buffer.from(way + text), what: 'a byte order mark before it' };
  },
];

/** Changes of one value in a JSON text, or in one line of JSON lines. */
const JSON_WAYS = [
  function value(bytes, random) {
    const lines = bytes.toString('utf8').split('\n');
    const at = random.int(lines.length);
    let whole = false;
    let parsed;
    try {
      parsed = JSON.parse(lines[at]);
    } catch {
      try {
        parsed = JSON.parse(lines.join('\n'));
        whole = true;
      } catch {
        return undefined;
      }
    }
    const places = placesIn(parsed);
    if (places.length === 0) return undefined;
    const { holder, key, path } = places[random.int(places.length)];
    const [said, made] = otherValue(holder[key], random);
    if (made === undefined) {
      if (Array.isArray(holder)) holder.splice(key, 1);
      else delete holder[key];
    } else holder[key] = made;
    const text = JSON.stringify(parsed, null, whole ? 2 : 0);
    if (whole) return { bytes: Buffer.from(text), what: `${path}: ${said}` };
    lines[at] = text;
    return { bytes: Buffer.from(lines.join('\n')), what: `line ${at + 1}, ${path}: ${said}` };
  },
];

function placesIn(value, path = '', found = []) {
  if (typeof value !== 'object' || value === null || found.length > 2000) return found;
  for (const key of Object.keys(value)) {
    found.push({ holder: value, key, path: `${path}/${key}`.slice(0, 80) });
    placesIn(value[key], `${path}/${key}`, found);
  }
  return found;
}

function otherValue(value, random) {
  const ways = [
    ['removed', () => undefined],
    ['null', () => null],
    ['a number', () => NUMBERS[random.int(NUMBERS.length)]],
    ['a text', () => STRINGS[random.int(STRINGS.length)]],
    ['a list', () => [value]],
    ['an empty list', () => []],
    ['an object', () => ({ __proto__: null, constructor: value })],
    ['a boolean', () => random.int(2) === 0],
    ['nested', () => JSON.parse(nested(400, '[', ']', '1'))],
  ];
  if (typeof value === 'number') {
    ways.push(['larger', () => value + 1], ['negative', () => -value], ['huge', () => value * 2 ** 31]);
  }
  const [said, make] = ways[random.int(ways.length)];
  return [said, make()];
}
