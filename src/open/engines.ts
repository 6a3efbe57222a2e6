/** Which engines can be had on this machine, and what each of them can do: for `ealign doctor`. */
import { spawnSync } from 'node:child_process';
import { type Variables, variables } from '../config/environment.js';
import { OnnxEngine } from '../engine/onnx/engine.js';
import { abilitiesOf } from '../engine/tinker/abilities.js';
import { environmentOf, requireWorker, workerPython } from '../engine/tinker/python.js';
import { Transport } from '../engine/tinker/transport.js';
import { UserError } from '../errors.js';

/** What was found of an engine. */
export interface EngineFinding {
  readonly engine: 'onnx' | 'torch' | 'tinker';
  readonly there: boolean;
  /** What it is, in a sentence; where it is missing, why. */
  readonly says: string;
  /** What to do where it is missing, as an imperative. */
  readonly next?: string;
  /** Names of devices that it computes on. */
  readonly devices?: readonly string[];
  /** Memory of its GPUs, bytes. */
  readonly gpus?: readonly GpuFinding[];
  /** Models that a server has. */
  readonly models?: readonly string[];
  /** What a server can do beside Tinker's API, and what it cannot. */
  readonly abilities?: readonly string[];
  readonly lacks?: readonly string[];
}

export interface GpuFinding {
  readonly name: string;
  readonly free: number;
  readonly total: number;
}

/** A server has this long to say what it can do. */
const ATTEMPTS = 2;
/** Importing PyTorch takes seconds, from a cold disk a minute. */
const PATIENCE = 180_000;

/** onnxruntime and its devices, each tried with a graph of one node. */
export async function findOnnx(): Promise<EngineFinding> {
  try {
    await OnnxEngine.tryDevice('cpu');
  } catch (error) {
    const says = `onnxruntime does not run: ${String(error).split('\n')[0]}`;
    return { engine: 'onnx', there: false, says, devices: [], next: 'install this package again' };
  }
  const gpu = hasWebgpu();
  return {
    ...{ engine: 'onnx', there: true, devices: gpu ? ['cpu', 'webgpu'] : ['cpu'] },
    says: gpu
      ? 'onnxruntime, on cpu and webgpu'
      : 'onnxruntime, on the CPU; device: webgpu finds no driver of a GPU',
  };
}

/** Whether the device starts, in a process of its own: drivers write to standard error, and may take it along. */
function hasWebgpu(): boolean {
  const engine = new URL('../engine/onnx/engine.js', import.meta.url).href;
  const look = `const { OnnxEngine } = await import(${JSON.stringify(engine)}); await OnnxEngine.tryDevice('webgpu');`;
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', look], {
    stdio: 'ignore',
    timeout: PATIENCE,
  });
  return status === 0;
}

/** PyTorch, in the Python that would run the worker. */
export function findTorch(env: Variables = variables): EngineFinding {
  let python: string;
  try {
    python = requireWorker(env);
  } catch (error) {
    return missing('torch', error);
  }
  const { status, stdout, stderr } = spawnSync(python, ['-c', LOOK], {
    encoding: 'utf8',
    env: environmentOf(env),
    timeout: PATIENCE,
  });
  const found = status === 0 ? lookOf(stdout) : undefined;
  if (found === undefined) {
    const last = stderr?.trim().split('\n').at(-1) ?? '';
    const next = 'look at its Python, or make another environment: ealign worker install';
    return { engine: 'torch', there: false, says: `${python} cannot import it: ${last}`, next };
  }
  const { versions, gpus, cuda } = found;
  const words = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const from = { variable: 'EALIGN_PYTHON', environment: 'its own environment', system: 'the system' }[
    workerPython(env).from
  ];
  const where = gpus.length > 0 ? gpus.map(({ name }) => name).join(', ') : 'the CPU alone';
  return {
    ...{ engine: 'torch', there: true, says: `${words.join(', ')}, from ${from} (${python}), on ${where}` },
    ...{ gpus, devices: gpus.length > 0 ? ['cpu', 'cuda'] : ['cpu'] },
    ...(gpus.length === 0 && !cuda
      ? { next: 'for an NVIDIA GPU install the other build: ealign worker install --cuda' }
      : {}),
  };
}

/** A server at an address. */
export async function findTinker(url: string, env: Variables = variables): Promise<EngineFinding> {
  try {
    const transport = new Transport({ url, env });
    const said = await transport.get('get_server_capabilities', { attempts: ATTEMPTS });
    const { models, extensions, ours } = abilitiesOf(said, transport);
    const names = models.map(({ name }) => name);
    const has = (on: boolean) =>
      Object.entries(extensions).flatMap(([name, there]) => (there === on ? [name] : []));
    return {
      ...{ engine: 'tinker', there: true, models: names, abilities: has(true), lacks: has(false) },
      says: `${url} answers${ours ? ', a worker of this package' : ''}; it has ${names.join(', ') || 'no list of models'}`,
    };
  } catch (error) {
    return missing('tinker', error);
  }
}

function missing(engine: EngineFinding['engine'], error: unknown): EngineFinding {
  if (!(error instanceof UserError)) throw error;
  const { next, ...parts } = error.parts;
  return { engine, there: false, says: UserError.format(parts), ...(next === undefined ? {} : { next }) };
}

const LOOK = `import json, platform, torch, transformers, peft
gpus = []
if torch.cuda.is_available():
    for i in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(i)
        gpus.append({"name": torch.cuda.get_device_name(i), "free": free, "total": total})
print("FOUND " + json.dumps({"versions": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__, "Python": platform.python_version()}, "cuda": torch.version.cuda is not None, "gpus": gpus}))`;

interface Look {
  readonly versions: Readonly<Record<string, string>>;
  /** Whether the build is one for NVIDIA GPUs. */
  readonly cuda: boolean;
  readonly gpus: readonly GpuFinding[];
}

function lookOf(stdout: string): Look | undefined {
  const line = stdout.split('\n').find((one) => one.startsWith('FOUND '));
  return line === undefined ? undefined : (JSON.parse(line.slice('FOUND '.length)) as Look);
}
