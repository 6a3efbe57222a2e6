/** Numbers in words, the same everywhere on a page. */

const NONE = '–';

/** Four digits; very small and very large ones with an exponent. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 0.001 || size >= 1e6) return Number(value.toPrecision(3)).toExponential();
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return size >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(4)));
}

/** A share as a percentage; no 0 or 100 that is only rounded. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return NONE;
  const hundredths = 100 * share;
  if (hundredths > 0 && hundredths < 0.01) return '< 0.01 %';
  if (hundredths > 99 && hundredths < 100) return `${Math.floor(100 * hundredths) / 100} %`;
  return `${hundredths === 0 || hundredths >= 10 ? Math.round(hundredths) : Number(hundredths.toPrecision(2))} %`;
}

/** Seconds as people say them, in two units at most. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return NONE;
  const whole = Math.round(seconds);
  const units = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ] as const;
  const first = units.findIndex(([size]) => whole >= size);
  if (first < 0) return '0 s';
  const [size, name] = units[first];
  const [next, nextName] = units[Math.min(first + 1, units.length - 1)];
  const rest = Math.floor((whole % size) / next);
  return `${Math.floor(whole / size)} ${name}${next < size && rest > 0 ? ` ${rest} ${nextName}` : ''}`;
}

/** A number of things: `1 pair`, `2 pairs`. */
export function counted(count: number, thing: string): string {
  return `${count.toLocaleString('en')} ${thing}${count === 1 ? '' : 's'}`;
}
