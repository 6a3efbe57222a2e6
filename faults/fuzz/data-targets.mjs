/** Files of rows in the formats of other tools, and their configurations. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPreferenceRows, readTrainingRows } from '../../dist/data/dataset.js';
import { importConfig } from '../../dist/train/config/import-config.js';
import { all, filesOf, one } from './corpus.mjs';

const fixtures = join(import.meta.dirname, '../../test/fixtures/data');
// not Parquet: with a damaged page its reader may run without an end (hyparquet 1.33.0, readBitPacked)
const files = filesOf(fixtures, (name) => /\.(csv|tsv|json|gz|zst)$/.test(name) && !name.includes('/'));

const formats = [...files].map(([name, bytes]) => ({
  ...{
    name: `rows, ${/[^.]*$/.exec(name)[0]}`,
    ...one(name, bytes, /\.(csv|json)$/.test(name) ? undefined : 'binary'),
  },
  read: (folder) => readTrainingRows(join(folder, name)),
  weight: 1,
}));

const folders = ['saved', 'saved-splits'].map((name) => {
  const saved = filesOf(join(fixtures, name));
  return {
    ...{ name: 'rows, save_to_disk', files: saved, damaged: all(saved), weight: 2 },
    read: (folder) => readTrainingRows(folder),
  };
});

const AXOLOTL = `base_model: a/b
datasets:
  - {path: rows.jsonl, type: alpaca, split: "train[:5%]"}
adapter: qlora
lora_r: 8
lora_target_modules: [q_proj, c_attn]
sequence_len: 128
micro_batch_size: 2
num_epochs: 1
warmup_ratio: 0.1
rl: dpo
val_set_size: 0.1
`;

/** Reads whatever a translation says, so that it may not be one that only looks right. */
function imported(folder) {
  const { yaml } = importConfig(join(folder, 'axolotl.yaml'));
  writeFileSync(join(folder, 'ours.yaml'), yaml);
}

export const dataTargets = [
  ...formats,
  ...folders,
  {
    name: 'rows, labelled',
    ...one('kto.csv', files.get('kto.csv')),
    read: (folder) => readPreferenceRows(join(folder, 'kto.csv')),
    weight: 1,
  },
  {
    ...{ name: 'configuration of another tool', ...one('axolotl.yaml', AXOLOTL), weight: 3 },
    read: async (folder) => imported(folder),
  },
];
