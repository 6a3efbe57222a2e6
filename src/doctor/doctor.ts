/** `ealign doctor`: which engines, devices and caches are here, and what a run would need, before anything is loaded. */
import { type Variables, variables } from '../config/environment.js';
import { hubSettings } from '../hub/settings.js';
import { type EngineFinding, findOnnx, findTinker, findTorch } from '../open/engines.js';
import type { TrainConfig } from '../train/config/schema.js';
import { type CacheFinding, caches, type Machine, machine } from './machine.js';
import { type MemoryPart, memoryOf, totalOf } from './memory.js';
import { trainingShape } from './shape.js';

export interface DoctorOptions {
  /** The run that is asked about. */
  readonly config?: TrainConfig;
  /** Whether the configuration names data, which is read for the longest row. */
  readonly hasData?: boolean;
  /** Address of a server, where no configuration names one. */
  readonly url?: string;
  /** Instead of the process environment. */
  readonly env?: Variables;
}

/** What a run would need. */
export interface RunNeed {
  readonly engine: TrainConfig['engine'];
  readonly model: string;
  /** Empty where a server computes. */
  readonly parts: readonly MemoryPart[];
  /** The longest rows that were assumed, in words. */
  readonly rows?: string;
  readonly checks: readonly MemoryCheck[];
}

/** A memory, and whether what is to lie in it fits. */
export interface MemoryCheck {
  readonly where: string;
  readonly needed: number;
  readonly free: number;
  readonly fits: boolean;
  /** What to do where it does not. */
  readonly next?: string;
}

export interface Diagnosis {
  readonly machine: Machine;
  readonly engines: readonly EngineFinding[];
  readonly caches: readonly CacheFinding[];
  readonly run?: RunNeed;
  /** Whether what was asked about can be had: the engine of the run, or the server, and the memory. */
  readonly ok: boolean;
}

/** @throws UserError when the configuration's model, adapter or data cannot be used */
export async function examine({
  config,
  hasData = false,
  url: asked,
  env = variables,
}: DoctorOptions): Promise<Diagnosis> {
  const url = config?.url ?? asked;
  const engines = [
    await findOnnx(),
    findTorch(env),
    ...(url === undefined ? [] : [await findTinker(url, env)]),
  ];
  const here = machine();
  const run = config && (await needOf(config, hasData, here, engines));
  const wanted = config?.engine ?? (url === undefined ? 'onnx' : 'tinker');
  const there = engines.find(({ engine }) => engine === wanted)?.there ?? false;
  const fits = run?.checks.every((check) => check.fits) ?? true;
  return {
    ...{ machine: here, engines, caches: caches(hubSettings(env)), ok: there && fits },
    ...(run ? { run } : {}),
  };
}

async function needOf(
  config: TrainConfig,
  read: boolean,
  { freeMemory }: Machine,
  engines: readonly EngineFinding[],
): Promise<RunNeed> {
  const { engine, model } = config;
  if (engine === 'tinker') return { engine, model, parts: [], checks: [] };
  const gpu = engines.find((one) => one.engine === engine)?.gpus?.[0];
  const onGpu =
    engine === 'torch' && (config.device === 'cuda' || (config.device === 'auto' && gpu !== undefined));
  const shape = await trainingShape(config, { read, onGpu });
  const parts = memoryOf(shape.model, shape.run);
  const [device, own] = [parts.filter(({ onDevice }) => onDevice), parts.filter(({ onDevice }) => !onDevice)];
  const next = lessMemory(config);
  const check = (where: string, needed: number, free: number): MemoryCheck => {
    const fits = needed <= free;
    return { where, needed, free, fits, ...(fits ? {} : { next }) };
  };
  const checks = onGpu
    ? [
        check('memory', totalOf(own), freeMemory),
        ...(gpu ? [check(`memory of ${gpu.name}`, totalOf(device), gpu.free)] : []),
      ]
    : [check('memory', totalOf(parts), freeMemory)];
  return { engine, model, parts, rows: shape.rows, checks };
}

/** What takes less, the least harmful first. */
function lessMemory({ setting, engine, quantize, training }: TrainConfig): string {
  const ways = [
    ...(training.checkpointing === true ? [] : ['training.checkpointing: true']),
    ...(training.batch_size > 1 ? ['a smaller training.batch_size with more gradient_accumulation'] : []),
    'a smaller training.max_length',
    ...(setting === 'full' ? ['setting: lora'] : []),
    ...(engine === 'onnx' && setting === 'lora' && quantize === undefined ? ['quantize: q8 or q4'] : []),
  ];
  return `set ${ways.join(', ')}`;
}
