/** `report_to`: other programs that get a run's metrics, and how those read them that get none. */
import { z } from 'zod';

/** What the key takes; `none` switches off, by a flag, what a file asks for. */
const LOGGERS = ['mlflow', 'none'] as const;
export type Logger = Exclude<(typeof LOGGERS)[number], 'none'>;

/** Trackers that read a run's files by their own clients. */
export const READERS: Readonly<Record<string, string>> = {
  wandb: 'W&B gets a run from its metrics.jsonl, by the lines of Python in docs/dashboard.md',
  trackio: `Trackio imports a run's TensorBoard file: python -c "import trackio; trackio.import_tf_events('<output folder>', '<project>')"`,
  tensorboard: 'metrics.jsonl and TensorBoard files are always written',
};

const isLogger = (name: string) => (LOGGERS as readonly string[]).includes(name);

const logger = z
  .string()
  .refine(isLogger, {
    error: ({ input }) =>
      READERS[String(input)] === undefined
        ? `expected ${LOGGERS.join(' or ')}, got '${input}'`
        : `'${input}' is not needed: ${READERS[String(input)]}; leave it out`,
  })
  // for help, completion and editors
  .meta({ enum: [...LOGGERS] });

/** One name, or a list of them. */
export const reportTo = () => z.union([logger, z.array(logger)]);

/** The programs that get metrics. */
export const loggersOf = (given: string | readonly string[] = []): Logger[] =>
  [given].flat().filter((name) => name === 'mlflow') as Logger[];
