/**
 * Makes a small adapter of a large one: of every product A·B, the best approximation of a lower rank (Eckart and Young
 * 1936), in float16. That is how the adapters of models/ were made of the study's, which have rank 32.
 *
 *   node experiments/real/truncate.mjs model.gguf runs/real/…/adapter models/…/attacked 3 Qwen/Qwen2.5-Coder-0.5B-Instruct
 */
import { QrDecomposition, SingularValueDecomposition, Matrix } from 'ml-matrix';
import { readAdapter, writeAdapter } from '../../dist/model/adapter-files.js';
import { quantisedAt } from '../../dist/open/quantised.js';

const [modelPath, from, to, rankText, baseModel] = process.argv.slice(2);
const rank = Number(rankText);
if (!(rank >= 1) || baseModel === undefined) {
  process.stderr.write('error: give the model, the adapter, the folder to write, the rank, and the Hub id of the model\n');
  process.exit(1);
}
const model = await quantisedAt(modelPath);
const { config, tensors } = await readAdapter(from, model.config);
const scale = config.alpha / (config.rslora ? Math.sqrt(config.rank) : config.rank);

const matrix = ({ shape: [rows, columns], data }) => Matrix.from1DArray(rows, columns, data);
const tensor = (of) => ({ shape: [of.rows, of.columns], data: Float32Array.from(of.to1DArray()) });

const small = new Map();
let [kept, all] = [0, 0];
for (const [name, first] of tensors) {
  if (!name.endsWith('.lora_A')) continue;
  const second = name.replace(/A$/, 'B');
  const left = new QrDecomposition(matrix(first));
  const right = new QrDecomposition(matrix(tensors.get(second)).transpose());
  const core = left.upperTriangularMatrix.mmul(right.upperTriangularMatrix.transpose()).mul(scale);
  const { leftSingularVectors: u, rightSingularVectors: v, diagonal } = new SingularValueDecomposition(core);
  const roots = Matrix.diag(diagonal.slice(0, rank).map(Math.sqrt));
  const best = (vectors) => vectors.subMatrix(0, vectors.rows - 1, 0, rank - 1).mmul(roots);
  small.set(name, tensor(left.orthogonalMatrix.mmul(best(u))));
  small.set(second, tensor(right.orthogonalMatrix.mmul(best(v)).transpose()));
  diagonal.forEach((value, i) => {
    all += value ** 2;
    if (i < rank) kept += value ** 2;
  });
}
writeAdapter(
  to,
  { config: { ...config, rank, alpha: rank, rslora: false, baseModel, baseHash: model.hash }, tensors: small },
  { dtype: 'F16', checksums: true },
);
console.log(`${to}: rank ${rank}, ${((100 * kept) / all).toFixed(1)} % of the squared singular values`);
