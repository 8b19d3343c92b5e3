/**
 * The memory map: every 2M block of every gmem file at the end, as coloured cells, a map a policy.
 */
import { MAP_CELLS, type MapCell } from '../../compare/memory-map.js';
import { type FileMap, type RunResult, rowName } from '../../compare/results.js';
import { formatBytes } from '../../spec/units.js';
import { grouped } from '../format.js';
import { html, type Markup } from './markup.js';

const COLORS: Record<MapCell, string> = {
  '.': 'absent',
  G: '1g',
  H: '2m',
  s: 'split',
  k: 'scattered',
  m: 'mixed',
  c: 'copy',
  d: 'double',
  i: 'inplace',
  x: 'poison',
};

/** Cells a row, by how many there are: whole GiB a row where there are many. */
const ROWS: readonly (readonly [number, number])[] = [
  [256, 32],
  [8192, 128],
  [32_768, 256],
];

const LABEL = 86;
const WIDTH = 1110;

export function mapSection(runs: readonly RunResult[]): Markup | undefined {
  const mapped = runs.filter((run) => (run.memory_map ?? []).length > 0);
  if (mapped.length === 0) return undefined;
  const kinds = (Object.keys(MAP_CELLS) as MapCell[]).filter((kind) =>
    mapped.some((run) => run.memory_map?.some((map) => map.cells.includes(kind))),
  );
  return html`<ul class="legend">${kinds.map((kind) => html`<li><span class="swatch" style="background:var(--m-${COLORS[kind]})"></span>${MAP_CELLS[kind]}</li>`)}</ul>
${distinct(mapped).map(({ names, maps }) => maps.map((map) => figure(names, map, kinds)))}
${counts(mapped, kinds)}`;
}

/** Policies that ended in the same state share their maps. */
function distinct(runs: readonly RunResult[]): { names: string; maps: FileMap[] }[] {
  const states = new Map<string, { names: string; maps: FileMap[] }>();
  for (const run of runs) {
    const key = JSON.stringify(run.memory_map);
    const state = states.get(key);
    if (state === undefined) states.set(key, { names: rowName(run), maps: run.memory_map ?? [] });
    else state.names += `, ${rowName(run)}`;
  }
  return [...states.values()];
}

function figure(names: string, map: FileMap, kinds: readonly MapCell[]): Markup {
  const perRow = ROWS.find(([cells]) => map.cells.length <= cells)?.[1] ?? 512;
  const cell = (WIDTH - LABEL) / perRow;
  const rows = Math.ceil(map.cells.length / perRow);
  const gap = cell > 4 ? 0.8 : 0;
  const height = Math.max(12, rows * cell);
  const labelEvery = Math.max(1, Math.ceil(14 / cell));
  const several = map.blocks_per_cell > 1 ? `, the first of every ${map.blocks_per_cell} blocks looked at` : '';
  const what = `${names}, gmem ${map.gmem}`;
  const labels: Markup[] = [];
  for (let row = 0; row < rows; row += labelEvery) {
    labels.push(
      html`<text class="soft" x="${LABEL - 8}" y="${Math.max(9, row * cell + Math.min(cell, 11)).toFixed(1)}" text-anchor="end" style="font-size:10px">${formatBytes(row * perRow * map.cell_bytes)}</text>`,
    );
  }
  return html`<figure class="tall"><figcaption>${names}<small>gmem ${map.gmem}, ${formatBytes(map.size_bytes)}; a cell is ${formatBytes(map.cell_bytes)}${several}, a row ${formatBytes(perRow * map.cell_bytes)}</small></figcaption>
<div class="pan"><svg viewBox="0 0 ${WIDTH} ${height.toFixed(1)}" role="img" aria-label="${what}: ${kinds.map((kind) => `${count(map, kind)} cells ${MAP_CELLS[kind]}`).join('; ')}">${labels}
${kinds.map((kind) => html`<path style="fill:var(--m-${COLORS[kind]})" d="${cellPath(map.cells, kind, perRow, cell, gap)}"><title>${what}: ${MAP_CELLS[kind]}</title></path>`)}</svg></div></figure>`;
}

/** One path for every cell of a kind; neighbours are one rectangle where no gap shows between them. */
function cellPath(cells: string, kind: MapCell, perRow: number, cell: number, gap: number): string {
  const size = (cell - gap).toFixed(2);
  let d = '';
  for (let i = 0; i < cells.length; i += 1) {
    if (cells[i] !== kind) continue;
    let run = 1;
    while (gap === 0 && cells[i + run] === kind && (i + run) % perRow !== 0) run += 1;
    const x = (LABEL + (i % perRow) * cell).toFixed(2);
    const y = (Math.floor(i / perRow) * cell).toFixed(2);
    const width = gap === 0 ? (run * cell).toFixed(2) : size;
    d += `M${x} ${y}h${width}v${size}h-${width}z`;
    i += run - 1;
  }
  return d;
}

function count(map: FileMap, kind: MapCell): number {
  let found = 0;
  for (const cell of map.cells) if (cell === kind) found += 1;
  return found;
}

function counts(runs: readonly RunResult[], kinds: readonly MapCell[]): Markup {
  return html`<h3 style="margin-top:16px">Cells by state</h3><div class="scroll" role="region" aria-label="Cells by state" tabindex="0"><table><thead><tr><th scope="col" class="text">state</th>${runs.map((run) => html`<th scope="col">${rowName(run)}</th>`)}</tr></thead>
<tbody>${kinds.map(
    (kind) =>
      html`<tr><th scope="row"><span class="swatch" style="background:var(--m-${COLORS[kind]})"></span>${MAP_CELLS[kind]}</th>${runs.map(
        (run) => {
          const maps = run.memory_map ?? [];
          const total = maps.reduce((sum, map) => sum + count(map, kind), 0);
          const bytes = maps.reduce((sum, map) => sum + count(map, kind) * map.cell_bytes, 0);
          return html`<td><b>${grouped(total)}</b><small>${formatBytes(bytes)}</small></td>`;
        },
      )}</tr>`,
  )}</tbody></table></div>`;
}
