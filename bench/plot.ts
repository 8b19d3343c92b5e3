/**
 * A line chart on logarithmic axes as SVG text: no library, no font but the viewer's, the same bytes for the same figures.
 */
export interface Line {
  readonly name: string;
  /** x above 0, y above 0. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly title: string;
  readonly xTicks: readonly (readonly [x: number, text: string])[];
  readonly yTicks: readonly (readonly [y: number, text: string])[];
  readonly yTitle: string;
  readonly lines: readonly Line[];
}

const WIDTH = 860;
const HEIGHT = 440;
const LEFT = 70;
const RIGHT = 250;
const TOP = 50;
const BOTTOM = 50;
/** Told apart by everyone, on white (Okabe and Ito, 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** Position on an axis from the first tick to the last, by logarithm. */
function scale(ticks: readonly (readonly [number, string])[], from: number, to: number): (value: number) => number {
  const least = Math.log(ticks[0]?.[0] as number);
  const most = Math.log(ticks.at(-1)?.[0] as number);
  return (value) => Math.round((from + ((Math.log(value) - least) / (most - least)) * (to - from)) * 10) / 10;
}

/** Powers of ten, and 2 and 5 times them, around the values. */
export function logTicks(values: readonly number[], text: (value: number) => string): [number, string][] {
  const steps: number[] = [];
  for (let power = -3; power < 12; power += 1) for (const digit of [1, 2, 5]) steps.push(digit * 10 ** power);
  const least = steps.filter((step) => step <= Math.min(...values)).at(-1) as number;
  const most = steps.find((step) => step >= Math.max(...values)) as number;
  return steps.filter((step) => step >= least && step <= most).map((step) => [step, text(step)]);
}

export function svg({ title, xTicks, yTicks, yTitle, lines }: Plot): string {
  const x = scale(xTicks, LEFT, WIDTH - RIGHT);
  const y = scale(yTicks, HEIGHT - BOTTOM, TOP);
  const text = (at: [number, number], anchor: string, what: string, more = '') =>
    `<text x="${at[0]}" y="${at[1]}" text-anchor="${anchor}"${more}>${escaped(what)}</text>`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="13" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text([LEFT, 26], 'start', title, ' font-size="16"'),
  ];
  for (const [value, label] of yTicks) {
    parts.push(`<path d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}" stroke="#dddddd"/>`);
    parts.push(text([LEFT - 8, y(value) + 4], 'end', label));
  }
  for (const [value, label] of xTicks) {
    parts.push(`<path d="M${x(value)} ${TOP}V${HEIGHT - BOTTOM}" stroke="#eeeeee"/>`);
    parts.push(text([x(value), HEIGHT - BOTTOM + 20], 'middle', label));
  }
  parts.push(
    text(
      [18, (TOP + HEIGHT - BOTTOM) / 2],
      'middle',
      yTitle,
      ` transform="rotate(-90 18 ${(TOP + HEIGHT - BOTTOM) / 2})"`,
    ),
  );
  lines.forEach(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length] as string;
    const at = points.map(([px, py]) => `${x(px)} ${y(py)}`);
    parts.push(`<path d="M${at.join('L')}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const [px, py] of points) parts.push(`<circle cx="${x(px)}" cy="${y(py)}" r="3.5" fill="${colour}"/>`);
    const row = TOP + 14 + i * 24;
    parts.push(`<path d="M${WIDTH - RIGHT + 18} ${row - 4}h22" stroke="${colour}" stroke-width="3"/>`);
    parts.push(text([WIDTH - RIGHT + 48, row], 'start', name));
  });
  parts.push('</svg>');
  return `${parts.join('\n')}\n`;
}
