/** Plain text without a meaning, the same on every machine. */
import { Random } from '../../random.js';

const words =
  'a the one every old young small great quiet red green morning evening river mountain house garden child teacher sailor doctor letter window table road bridge winter summer bread water light song story friend neighbour walks finds opens carries remembers asks answers builds keeps follows under over beside between and then because while'.split(
    ' ',
  );

/** That many words. @param seed different seeds give other words from the first on */
export function sentence(seed: number, count: number): string {
  const random = new Random('bench', seed);
  return Array.from({ length: count }, () => words[random.uint32() % words.length]).join(' ');
}
