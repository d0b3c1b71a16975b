/**
 * Where the boxes of a graph without circles stand, and by which points its edges run.
 *
 * In layers: a box stands one layer after the last that it waits for. An edge that passes layers takes a place in each of them, so
 * that it runs between boxes. Each layer is ordered by where its neighbours are (barycentres, some sweeps there and back), and
 * then placed as near to them as the order and the gaps allow, which is exact: least squares by pooling (isotonic regression).
 *
 * Work is bounded: so many sweeps, and no places in layers for edges where there would be very many. It knows nothing of jobs; all
 * is worked out along (`x`) and across (`y`) the direction and turned at the end.
 */

export interface Sized {
  id: string;
  width: number;
  height: number;
  /** Ids of what it comes after. */
  after: readonly string[];
  /** Room for words at the end of the edges to it. */
  wordsWidth: number;
}

export interface Placed {
  x: number;
  y: number;
}

export type Point = readonly [x: number, y: number];

export interface Edge {
  from: string;
  to: string;
  points: readonly Point[];
}

export interface Layout {
  width: number;
  height: number;
  places: ReadonlyMap<string, Placed>;
  edges: readonly Edge[];
}

export type Direction = 'right' | 'down';

const margin = 20;
const between = { layers: 46, boxes: 20, edges: 12 } as const;
const sweeps = 8;
const dummiesAtMost = 6_000;

/** A box, or the place of an edge in a layer that it passes. */
interface Cell {
  id: string;
  layer: number;
  /** Its size across. */
  size: number;
  isBox: boolean;
  before: Cell[];
  behind: Cell[];
  /** The middle of it, across. */
  at: number;
}

export function layout(given: readonly Sized[], direction: Direction): Layout {
  const boxes = direction === 'right' ? given : given.map(turned);
  const cells = cellsOf(boxes);
  const chains = chainsOf(boxes, cells);
  const layers = layersOf([...cells.values(), ...chains.flatMap(({ passes }) => passes)]);
  order(layers);
  place(layers);
  return drawn(boxes, { cells, chains, layers }, direction);
}

function turned({ width, height, wordsWidth, ...rest }: Sized): Sized {
  return { ...rest, width: height, height: width, wordsWidth: wordsWidth === 0 ? 0 : 30 };
}

function cellsOf(boxes: readonly Sized[]): ReadonlyMap<string, Cell> {
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const cells = new Map<string, Cell>();
  // What comes in is ordered, each after all that it waits for; whatever is not is put behind by this.
  const cellOf = (box: Sized): Cell => {
    const known = cells.get(box.id);
    if (known !== undefined) return known;
    const { id, height: size } = box;
    const cell: Cell = { id, layer: 0, size, isBox: true, before: [], behind: [], at: 0 };
    cells.set(id, cell);
    const others = box.after.flatMap((other) => byId.get(other) ?? []).map(cellOf);
    cell.layer = others.reduce((most, { layer }) => Math.max(most, layer + 1), 0);
    return cell;
  };
  for (const box of boxes) cellOf(box);
  nearer(boxes, cells);
  return cells;
}

/** What waits for nothing stands right before the first that waits for it. */
function nearer(boxes: readonly Sized[], cells: ReadonlyMap<string, Cell>): void {
  const first = new Map<string, number>();
  for (const { id, after } of boxes)
    for (const other of after)
      first.set(other, Math.min(first.get(other) ?? Number.POSITIVE_INFINITY, cells.get(id)?.layer ?? 1));
  for (const { id, after } of boxes) {
    const [cell, layer] = [cells.get(id), first.get(id)];
    if (after.length === 0 && cell !== undefined && layer !== undefined) cell.layer = layer - 1;
  }
}

interface Chain {
  from: Cell;
  to: Cell;
  passes: Cell[];
}

function chainsOf(boxes: readonly Sized[], cells: ReadonlyMap<string, Cell>): readonly Chain[] {
  const pairs = boxes.flatMap(({ id, after }) =>
    after.flatMap((other): [Cell, Cell][] => {
      const [from, to] = [cells.get(other), cells.get(id)];
      return from === undefined || to === undefined ? [] : [[from, to]];
    }),
  );
  const passed = pairs.reduce((sum, [from, to]) => sum + to.layer - from.layer - 1, 0);
  return pairs.map(([from, to]) => {
    const count = passed > dummiesAtMost ? 0 : to.layer - from.layer - 1;
    const passes = Array.from(
      { length: count },
      (_, n): Cell => ({
        ...{ id: `${from.id} ${to.id} ${n}`, layer: from.layer + 1 + n, size: 0, isBox: false },
        ...{ before: [], behind: [], at: 0 },
      }),
    );
    const whole = [from, ...passes, to];
    for (const [at, cell] of whole.slice(1).entries()) {
      const former = whole[at] ?? from;
      former.behind.push(cell);
      cell.before.push(former);
    }
    return { from, to, passes };
  });
}

function layersOf(cells: readonly Cell[]): Cell[][] {
  const layers: Cell[][] = [];
  for (const cell of cells) {
    const layer = layers[cell.layer] ?? [];
    layer.push(cell);
    layers[cell.layer] = layer;
  }
  return layers;
}

/** Fewer crossings: by the mean place of the neighbours on the one side, and then on the other. */
function order(layers: Cell[][]): void {
  for (const layer of layers) number(layer);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const isForth = sweep % 2 === 0;
    for (const layer of isForth ? layers : layers.toReversed()) {
      const wished = new Map(layer.map((cell) => [cell, meanOf(isForth ? cell.before : cell.behind) ?? cell.at]));
      layer.sort((one, other) => (wished.get(one) ?? 0) - (wished.get(other) ?? 0));
      number(layer);
    }
  }
}

/** From 0 to 1, so that layers of different length are alike. */
function number(layer: readonly Cell[]): void {
  for (const [at, cell] of layer.entries()) cell.at = (at + 0.5) / layer.length;
}

function meanOf(cells: readonly Cell[]): number | undefined {
  return cells.length === 0 ? undefined : cells.reduce((sum, { at }) => sum + at, 0) / cells.length;
}

function place(layers: readonly Cell[][]): void {
  for (const layer of layers) settle(layer, () => 0);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const isForth = sweep % 2 === 0;
    for (const layer of isForth ? layers : layers.toReversed())
      settle(
        layer,
        ({ before, behind, at }) => meanOf(isForth ? before : behind) ?? meanOf([...before, ...behind]) ?? at,
      );
  }
}

interface Pool {
  sum: number;
  weight: number;
  cells: Cell[];
}

/** As near to where each wishes to be as the order and the gaps allow. */
function settle(layer: readonly Cell[], wish: (cell: Cell) => number): void {
  const wishes = layer.map(wish);
  let from = 0;
  const shifts = layer.map((cell, at) => {
    const former = layer[at - 1];
    if (former !== undefined) from += (former.size + cell.size) / 2 + gap(former, cell);
    return from;
  });
  const pools: Pool[] = [];
  layer.forEach((cell, at) => {
    // Edges are kept straight rather than boxes.
    const weight = cell.isBox ? 1 : 3;
    let pool: Pool = { sum: ((wishes[at] ?? 0) - (shifts[at] ?? 0)) * weight, weight, cells: [cell] };
    for (let last = pools.at(-1); last !== undefined && levelOf(last) > levelOf(pool); last = pools.at(-1)) {
      pools.pop();
      pool = { sum: last.sum + pool.sum, weight: last.weight + pool.weight, cells: [...last.cells, ...pool.cells] };
    }
    pools.push(pool);
  });
  let at = 0;
  for (const pool of pools) for (const cell of pool.cells) cell.at = levelOf(pool) + (shifts[at++] ?? 0);
}

function levelOf({ sum, weight }: Pool): number {
  return sum / weight;
}

function gap(one: Cell, other: Cell): number {
  return one.isBox || other.isBox ? between.boxes : between.edges;
}

interface Laid {
  cells: ReadonlyMap<string, Cell>;
  chains: readonly Chain[];
  layers: readonly Cell[][];
}

function drawn(boxes: readonly Sized[], { cells, chains, layers }: Laid, direction: Direction): Layout {
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const columns = columnsOf(boxes, cells, layers.length);
  const top = margin - Math.min(0, ...layers.map(([first]) => (first === undefined ? 0 : first.at - first.size / 2)));
  const lowest = Math.max(
    0,
    ...layers.map((layer) => layer.at(-1)).map((last) => (last?.at ?? 0) + (last?.size ?? 0) / 2),
  );
  const turn = ([x, y]: Point): Point => (direction === 'right' ? [x, y] : [y, x]);
  const widthOf = (id: string) => byId.get(id)?.width ?? 0;
  const places = new Map(
    boxes.map(({ id, height }) => {
      const cell = cells.get(id);
      const [x, y] = turn([columns[cell?.layer ?? 0]?.x ?? 0, round(top + (cell?.at ?? 0) - height / 2)]);
      return [id, { x, y }];
    }),
  );
  const edges = chains.map(({ from, to, passes }): Edge => {
    const start: Point = [(columns[from.layer]?.x ?? 0) + widthOf(from.id), round(top + from.at)];
    const through = passes.flatMap(({ layer, at }): Point[] => {
      const { x = 0, width = 0 } = columns[layer] ?? {};
      return [
        [x, round(top + at)],
        [x + width, round(top + at)],
      ];
    });
    const end: Point = [columns[to.layer]?.x ?? 0, round(top + to.at)];
    return { from: from.id, to: to.id, points: [start, ...through, end].map(turn) };
  });
  const last = columns.at(-1);
  const [width, height] = turn([(last?.x ?? 0) + (last?.width ?? 0) + margin, Math.ceil(top + lowest + margin)]);
  return { width, height, places, edges };
}

/** Where each layer begins, and how wide it is. */
function columnsOf(boxes: readonly Sized[], cells: ReadonlyMap<string, Cell>, count: number) {
  const columns = Array.from({ length: count }, () => ({ x: 0, width: 0, words: 0 }));
  for (const { id, width, wordsWidth } of boxes) {
    const column = columns[cells.get(id)?.layer ?? 0];
    if (column === undefined) continue;
    column.width = Math.max(column.width, width);
    column.words = Math.max(column.words, wordsWidth);
  }
  let x = margin;
  for (const [at, column] of columns.entries()) {
    x += column.words + (at === 0 ? 0 : between.layers);
    column.x = x;
    x += column.width;
  }
  return columns;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** A smooth line through the points, which leaves and comes in along the direction. */
export function curve(points: readonly Point[], direction: Direction): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  let [x, y] = first;
  const parts = [`M${x} ${y}`];
  for (const [toX, toY] of rest) {
    const isStraight = direction === 'right' ? y === toY : x === toX;
    const half = direction === 'right' ? (toX - x) / 2 : (toY - y) / 2;
    if (isStraight) parts.push(`L${toX} ${toY}`);
    else if (direction === 'right') parts.push(`C${x + half} ${y} ${toX - half} ${toY} ${toX} ${toY}`);
    else parts.push(`C${x} ${y + half} ${toX} ${toY - half} ${toX} ${toY}`);
    [x, y] = [toX, toY];
  }
  return parts.join('');
}
