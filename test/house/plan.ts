/** The plan of the house in one place: what lies on what. A new folder is entered here. */

/** From the ground up. A folder imports from the lines below its own; those of one line do not know each other. */
export const lines = [
  'errors.ts random.ts signals.ts commit.ts values',
  'files graph statistics',
  'config',
  'autodiff hub metrics page sandbox tokenizer',
  'data model',
  'network engine',
  'conscience engine/onnx engine/remote engine/tinker',
  'open defences',
  'train/config zero-shot',
  'train',
  'evaluate ai-sdk export openai',
  'online evaluate/export evaluate/code review',
  'evaluate/kinds index.ts',
  'evaluate/suite',
  'serve experiment',
  'blind dashboard',
  'report',
  'pinocchio',
  'bench calibrate doctor cli/terminal',
  'cli/eval cli/init cli/completion cli/side-by-side',
  'cli',
].map((line) => line.split(' '));
/** Arrows up and circles that are still to be removed. */
export const known: readonly string[] = [];
/** Who may import a package or folder, beside itself. */
export const only: Record<string, readonly string[]> = {
  'onnxruntime-node': ['engine/onnx'],
  libsql: ['online'],
  ai: ['ai-sdk'],
  openai: ['openai'],
  hono: ['serve', 'report', 'dashboard'],
  preact: ['page'],
  commander: ['cli'],
  '@clack/prompts': ['cli'],
  hyparquet: ['data/files'],
  'apache-arrow': ['data/files'],
  'engine/onnx': ['open'],
  'engine/tinker': ['open'],
};
/** What a folder must not reach by any way. */
export const never: Record<string, readonly string[]> = {
  conscience: ['graph', 'autodiff', 'network', 'engine/onnx'],
  autodiff: ['model', 'tokenizer', 'engine'],
  // it is started beside training, and where nothing is trained
  dashboard: ['engine/onnx', 'online'],
  page: ['dashboard', 'serve', 'train'],
};
