/**
 * Logs of Inspect, the evaluation framework of the UK AI Security Institute, as they lie on disk: `.eval` (a zip archive)
 * or `.json`. Petri writes them, too.
 *
 * Read is what a sample asked, what was answered, and how it was scored. Events, usage and errors of single calls
 * are not; which conversations a sample holds is inspect-conversations.ts's business.
 */
import { buffer } from 'node:stream/consumers';
import { decompress } from 'fzstd';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { z } from 'zod';
import { DataError } from '../errors.js';
import { readTextFile, whyUnreadable } from '../files/text-file.js';
import { begins, readHead } from './files/text-bytes.js';

const score = z.looseObject({
  /** A number or a word; null where there is none, which Inspect writes as NaN. */
  value: z.unknown(),
  answer: z.string().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

const sample = z.looseObject({
  id: z.union([z.string(), z.number()]),
  epoch: z.int().default(1),
  messages: z.array(z.looseObject({ role: z.string() })).default([]),
  output: z.looseObject({ completion: z.string().nullish() }).nullish(),
  scores: z.record(z.string(), score).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  attachments: z.record(z.string(), z.string()).nullish(),
  /** Trees of spans: what Petri rolled back is a branch. */
  timelines: z.array(z.unknown()).nullish(),
  events: z.array(z.looseObject({ event: z.string() })).nullish(),
  events_data: z.looseObject({ messages: z.array(z.unknown()).nullish() }).nullish(),
  error: z.unknown().nullish(),
});

const header = z.looseObject({
  version: z.int(),
  status: z.string(),
  eval: z.looseObject({
    task: z.string(),
    model: z.string(),
    model_generate_config: z
      .looseObject({ temperature: z.number().nullish(), max_tokens: z.number().nullish() })
      .nullish(),
    model_roles: z.record(z.string(), z.unknown()).nullish(),
    dataset: z.looseObject({ sample_ids: z.array(z.union([z.string(), z.number()])).nullish() }).nullish(),
    metadata: z.record(z.string(), z.unknown()).nullish(),
  }),
  plan: z
    .looseObject({
      config: z
        .looseObject({ temperature: z.number().nullish(), max_tokens: z.number().nullish() })
        .nullish(),
    })
    .nullish(),
});

/** One sample of a log. */
export type InspectSample = z.output<typeof sample> & {
  /** `log.eval#id` of the first epoch, `log.eval#id:2` of the second. */
  readonly where: string;
};
export type InspectScore = z.output<typeof score>;

/** A log with all its samples. */
export interface InspectLog extends z.output<typeof header> {
  readonly path: string;
  /** In the order of the data set, the epochs of a sample together. */
  readonly samples: readonly InspectSample[];
}

const ZIP = [0x50, 0x4b, 0x03, 0x04];
/** How Inspect and our own export begin a JSON log. */
const JSON_LOG = /^\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:\s*"/;

/**
 * Whether a file is a log of Inspect: a zip archive called `.eval`, or JSON that begins as its logs do.
 *
 * @throws DataError when the file cannot be read
 */
export async function isInspectLog(path: string): Promise<boolean> {
  const head = await readHead(path, 256);
  if (begins(head, ZIP)) return /\.eval$/i.test(path);
  return (
    /\.json$/i.test(path) &&
    JSON_LOG.test(
      Buffer.from(head)
        .toString('utf8')
        .replace(/^\uFEFF/, ''),
    )
  );
}

/**
 * Reads a log.
 *
 * @throws DataError naming the file, and the sample, for one that is damaged or of another version
 */
export async function readInspectLog(path: string): Promise<InspectLog> {
  const isZip = begins(await readHead(path, 4), ZIP);
  const { head, samples } = isZip ? await partsOfZip(path) : partsOfJson(path);
  const read = parsed(header, head, path);
  if (read.version !== 2) {
    throw new DataError({
      where: path,
      what: 'a log of another version of Inspect',
      ...{ expected: 'version 2', got: `version ${read.version}` },
      next: 'convert it: inspect log convert --to eval',
    });
  }
  const places = new Map((read.eval.dataset?.sample_ids ?? []).map((id, place) => [id, place]));
  const placeOf = ({ id }: InspectSample) => places.get(id) ?? places.size;
  const parsedSamples = samples.map((value, i) => {
    const own = parsed(sample, value, `${path}: sample ${i + 1}`);
    return { ...own, where: `${path}#${own.id}${own.epoch === 1 ? '' : `:${own.epoch}`}` };
  });
  // an archive has them in the order in which they ended
  return {
    ...read,
    path,
    samples: parsedSamples.sort((a, b) => placeOf(a) - placeOf(b) || a.epoch - b.epoch),
  };
}

interface LogParts {
  readonly head: unknown;
  readonly samples: readonly unknown[];
}

function partsOfJson(path: string): LogParts {
  const { samples, ...head } = Object(parseJson(textOf(path), path)) as { samples?: unknown };
  return { head, samples: Array.isArray(samples) ? samples : [] };
}

function textOf(path: string): string {
  try {
    return readTextFile(path);
  } catch (cause) {
    throw new DataError({ where: path, ...whyUnreadable(cause) }, { cause });
  }
}

async function partsOfZip(path: string): Promise<LogParts> {
  const damaged = (cause: unknown) =>
    new DataError(
      {
        where: path,
        what: `not a log of Inspect (${(cause as Error).message})`,
        next: 'write or fetch it again',
      },
      { cause },
    );
  let zip: ZipFile;
  try {
    zip = await openPromise(path, { autoClose: false });
  } catch (cause) {
    throw damaged(cause);
  }
  try {
    const texts = new Map<string, string>();
    for await (const entry of zip.eachEntry()) {
      if (/^(header\.json|samples\/.*\.json)$/.test(entry.fileName)) {
        texts.set(entry.fileName, (await contentOf(zip, entry)).toString('utf8'));
      }
    }
    const head = texts.get('header.json');
    if (head === undefined) {
      throw new DataError({
        where: path,
        what: 'no header.json in the log: the evaluation has not ended',
        next: 'wait for it, or bring it to an end: inspect log recover',
      });
    }
    texts.delete('header.json');
    return {
      head: parseJson(head, `${path}: header.json`),
      samples: [...texts].map(([name, text]) => parseJson(text, `${path}: ${name}`)),
    };
  } catch (cause) {
    throw cause instanceof DataError ? cause : damaged(cause);
  } finally {
    zip.close();
  }
}

/** Compression of zip entries by Zstandard, which Inspect uses and yauzl leaves to us. */
const ZSTANDARD = 93;

async function contentOf(zip: ZipFile, entry: Entry): Promise<Buffer> {
  if (entry.compressionMethod !== ZSTANDARD) return buffer(await zip.openReadStreamPromise(entry));
  const packed = await buffer(await zip.openReadStreamPromise(entry, { decodeFileData: false }));
  return Buffer.from(decompress(packed));
}

/** Python writes NaN and Infinity, which are no JSON; here they are null. */
function parseJson(text: string, where: string): unknown {
  const strings = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/g;
  const plain = /NaN|Infinity/.test(text)
    ? text.replace(strings, (found) => (found.startsWith('"') ? found : 'null'))
    : text;
  try {
    return JSON.parse(plain);
  } catch (cause) {
    throw new DataError({ where, what: `not valid JSON (${(cause as Error).message})` }, { cause });
  }
}

function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  const what = `not as Inspect writes it (${[path.join('.'), message].filter(Boolean).join(': ')})`;
  throw new DataError({ where, what });
}
