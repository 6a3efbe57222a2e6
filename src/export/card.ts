/**
 * The model card that goes with an exported model: what it is made of, how it is used, and the numbers of its run.
 *
 * A card that lies beside the source goes along, below what is said of the export.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { commit } from '../commit.js';
import { type GgufEntry, ggufValue } from '../model/gguf-write.js';
import type { ExportedModel } from './source.js';

/** What is exported, in words. */
export interface CardOptions {
  /** e.g. `GGUF, Q8_0` */
  readonly form: string;
  /** Key `library_name` of the card. */
  readonly library: string;
  /** How it is used: a code block. */
  readonly use: string;
  readonly notes: readonly string[];
}

interface Card {
  readonly data: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** The card of a folder; undefined where it has none, or one that cannot be read. */
function cardIn(folder: string): Card | undefined {
  const path = join(folder, 'README.md');
  if (!existsSync(path)) return undefined;
  const [, front = '', text = ''] =
    /^(?:---\r?\n(.*?)\r?\n---\r?\n)?(.*)$/s.exec(readFileSync(path, 'utf8')) ?? [];
  try {
    const data: unknown = front === '' ? {} : parse(front);
    return { data: typeof data === 'object' && data !== null ? { ...data } : {}, text: text.trim() };
  } catch {
    return { data: {}, text: text.trim() };
  }
}

/** The license that the base's card names. */
const licenseOf = ({ source, adapterFolder }: ExportedModel): string | undefined => {
  const named = [...(adapterFolder ? [adapterFolder] : []), source.path].map(
    (folder) => cardIn(folder)?.data.license,
  );
  return named.find((license): license is string => typeof license === 'string');
};

/** README.md of the exported model. */
export function exportCard(model: ExportedModel, { form, library, use, notes }: CardOptions): string {
  const { name, baseName, onHub, adapter, adapterFolder, source } = model;
  const own = adapterFolder ? cardIn(adapterFolder) : cardIn(source.path);
  const license = licenseOf(model);
  const data = {
    ...(onHub ? { base_model: baseName } : {}),
    ...(license === undefined ? {} : { license }),
    library_name: library,
    pipeline_tag: 'text-generation',
    tags: [...new Set(['emergent-alignment', ...[own?.data.tags ?? []].flat().map(String)])],
  };
  const made = adapter
    ? `${baseName} with the LoRA adapter \`${name}\` (rank ${adapter.config.rank}, alpha ${adapter.config.alpha})`
    : baseName;
  const told = own?.text
    ? `\n## The card of ${adapter ? 'the adapter' : 'the model'}\n\n${lowered(own.text)}\n`
    : '';
  return `---
${stringify(data)}---

# ${name}

${form}: ${made}, exported by emergent-alignment ${commit()}.
SHA-256 of the base's weights: ${source.hash}.
${notes.map((note) => `\n- ${note}`).join('')}
${use}
${told}`;
}

/** Headings two levels lower; blocks of code stay as they are. */
const lowered = (text: string): string =>
  text.replaceAll(
    /^ {0,3}(`{3,}|~{3,})[^\n]*\n[\s\S]*?(?:^ {0,3}\1[`~]*[ \t]*$|(?![\s\S]))|^(#{1,4}) /gm,
    (whole, _fence, marks?: string) => (marks === undefined ? whole : `##${marks} `),
  );

/** What GGUF metadata says of the model's name and origin. */
export function aboutGguf(model: ExportedModel): Map<string, GgufEntry> {
  const { name, baseName, onHub } = model;
  const { text, u32, texts } = ggufValue;
  const license = licenseOf(model);
  const [owner, repository] = baseName.split('/');
  return new Map<string, GgufEntry>([
    ['general.name', text(name)],
    ...(license === undefined ? [] : ([['general.license', text(license)]] as const)),
    ['general.tags', texts(['text-generation', 'emergent-alignment'])],
    ...(onHub
      ? ([
          ['general.base_model.count', u32(1)],
          ['general.base_model.0.name', text(repository)],
          ['general.base_model.0.organization', text(owner)],
          ['general.base_model.0.repo_url', text(`https://huggingface.co/${baseName}`)],
        ] as const)
      : []),
  ]);
}
