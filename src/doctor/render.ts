/** A diagnosis as lines for a terminal. */
import type { EngineFinding } from '../open/engines.js';
import type { Diagnosis, RunNeed } from './doctor.js';
import { totalOf } from './memory.js';

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e9 ? 2 : 1)} GB`;

/** @param mark paints the word that stands for good or bad */
export function renderDiagnosis(
  { machine, engines, caches, run }: Diagnosis,
  mark: (good: boolean) => string = (good) => (good ? 'yes' : 'no '),
): string {
  const { system, node, cores, processor, memory, freeMemory } = machine;
  const lines = [
    'Machine',
    `  ${system}, Node ${node}; ${cores} cores (${processor})`,
    `  memory ${gigabytes(memory)}, free ${gigabytes(freeMemory)}`,
    '',
    'Engines',
    ...engines.flatMap((one) => engineLines(one, mark)),
    ...(engines.some(({ engine }) => engine === 'tinker')
      ? []
      : ['       tinker: not asked; --url http://host:port names a server']),
    '',
    'Caches',
    ...caches.map(({ what, folder, exists, entries, free, variable }) => {
      const room = free === null ? '' : `, ${gigabytes(free)} free`;
      return `  ${what}: ${folder} (${exists ? `${entries} in it` : 'not made yet'}${room}; ${variable} moves it)`;
    }),
    ...(run ? ['', ...runLines(run, mark)] : []),
  ];
  return lines.join('\n');
}

function engineLines(
  { engine, there, says, next, gpus = [], abilities, lacks }: EngineFinding,
  mark: (good: boolean) => string,
): string[] {
  return [
    `  ${mark(there)}  ${engine}: ${says}`,
    ...gpus.map(({ name, free, total }) => `       ${name}: ${gigabytes(total)}, free ${gigabytes(free)}`),
    ...(abilities ? [`       beside Tinker’s API: ${abilities.join(', ') || 'nothing'}`] : []),
    ...(lacks?.length ? [`       lacks: ${lacks.join(', ')}`] : []),
    ...(next === undefined ? [] : [`       → ${next}`]),
  ];
}

function runLines(
  { engine, model, parts, rows, checks }: RunNeed,
  mark: (good: boolean) => string,
): string[] {
  if (parts.length === 0)
    return [
      `Training ${model} with engine: ${engine}`,
      '  The server holds the model; little memory is needed here.',
    ];
  const width = Math.max(...parts.map(({ what }) => what.length));
  return [
    `Training ${model} with engine: ${engine} (an estimate, at most; ${rows})`,
    ...[...parts, { what: 'together', bytes: totalOf(parts) }].map(
      ({ what, bytes }) => `  ${what.padEnd(width)}  ${gigabytes(bytes).padStart(8)}`,
    ),
    ...checks.flatMap(({ where, needed, free, fits, next }) => [
      `  ${mark(fits)}  ${where}: needs ${gigabytes(needed)}, free ${gigabytes(free)}`,
      ...(next === undefined ? [] : [`       → ${next}`]),
    ]),
  ];
}
