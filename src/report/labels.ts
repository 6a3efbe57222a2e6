/** Where to write the names of points so that no name covers another, nor a point. */

/** A point of a drawing and its name, in the drawing's units. */
export interface Named {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

export interface Label {
  readonly text: string;
  readonly left: number;
  readonly baseline: number;
  /** Path from the point to a name that is not beside it. */
  readonly leader: string | null;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Width of a character and height of a line, of text of 13 units. */
const [characterWidth, lineHeight] = [7, 15];
/** Space that is kept free around a point. */
const pointRadius = 8;

/**
 * Places the names one by one, each at the free place nearest to its point, or at the first where none is free.
 *
 * @param frame that names stay in
 * @returns in the order given
 */
export function placeLabels(points: readonly Named[], frame: Box): Label[] {
  const taken = points.map(({ x, y }) =>
    box(x - pointRadius, x + pointRadius, y - pointRadius, y + pointRadius),
  );
  return points.map((point) => {
    const places = candidates(point);
    const free = places.find(
      ({ area }) =>
        area.left >= frame.left &&
        area.right <= frame.right &&
        area.top >= frame.top &&
        area.bottom <= frame.bottom &&
        !taken.some((other) => overlap(area, other)),
    );
    const { area, leader } = free ?? places[0];
    taken.push(area);
    return { text: point.text, left: round(area.left), baseline: round(area.bottom - 3.5), leader };
  });
}

/** Around the point in growing circles: right, left, above and below, then between them. */
function candidates({ x, y, text }: Named): { area: Box; leader: string | null }[] {
  const size = characterWidth * text.length;
  return [10, 16, 24, 34, 46, 60, 76, 94, 114, 136, 160, 190, 220].flatMap((radius) =>
    [0, 8, 4, 12, 2, 14, 6, 10, 1, 15, 3, 13, 5, 11, 7, 9].map((sixteenth) => {
      const angle = (Math.PI * sixteenth) / 8;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      const [endX, endY] = [x + radius * cos, y + radius * sin];
      const left = cos > 0.3 ? endX : cos < -0.3 ? endX - size : endX - size / 2;
      const middle = endY + (lineHeight / 2) * (Math.abs(cos) <= 0.3 ? Math.sign(sin) : 0);
      const area = box(left, left + size, middle - lineHeight / 2, middle + lineHeight / 2);
      const leader = radius > 16 ? `M${round(x)} ${round(y)}L${round(endX)} ${round(endY)}` : null;
      return { area, leader };
    }),
  );
}

const box = (left: number, right: number, top: number, bottom: number): Box => ({ left, right, top, bottom });

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

const round = (value: number) => Math.round(10 * value) / 10;
