/** A configuration as MLflow's parameters: one text a key, by its dotted name. */
import { configKeys, valueAt } from '../config/keys.js';
import type { TrainConfig } from '../config/schema.js';
import type { KeyValue } from './client.js';

/** Older servers refuse longer values. config.yaml in the run's folder has them whole. */
const LONGEST = 500;

/** Every key that has a value, without logins that stand in addresses. */
export function paramsOf(config: TrainConfig): KeyValue[] {
  return configKeys.flatMap(({ path }) => {
    const value = valueAt(config, path.split('.'));
    if (value === undefined || value === null) return [];
    const text = (typeof value === 'string' ? value : JSON.stringify(value)).replace(
      /(\w:\/\/)[^\s/@"]+@/g,
      '$1***@',
    );
    return [{ key: path, value: text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text }];
  });
}
