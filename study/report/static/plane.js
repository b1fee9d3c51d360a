// A plane of the map as a picture: colour for the likeliest regime, hatching where none is likely enough.

const REGIMES = ["diverged", "untrained", "good", "overfit", "underfit"];
const lookOf = (name) => data.looks.find((look) => look.name === name);

/** A grid [ny][nx] of probabilities for each regime; the page holds all but the last, which is the rest. */
function probabilities(reference, transposed) {
  const side = data.map.side, bytes = cut(reference), rows = bytes.length / (REGIMES.length - 1) / side;
  const at = (k, r, c) => bytes[(k * rows + r) * side + c] / 255;
  const [ny, nx] = transposed ? [side, rows] : [rows, side];
  const grid = (f) => Array.from({ length: ny }, (_, r) => Array.from({ length: nx }, (_, c) => (transposed ? f(c, r) : f(r, c))));
  const given = REGIMES.slice(0, -1).map((_, k) => grid((r, c) => at(k, r, c)));
  return [...given, given[0].map((row, r) => row.map((_, c) => Math.max(0, 1 - given.reduce((sum, g) => sum + g[r][c], 0))))];
}

/** The six grids [ny][nx] of expected errors: validation, its interval, training, its interval. */
function expected(plane, transposed) {
  const side = data.map.coarse, values = rates(plane.errors), rows = values.length / 6 / side;
  const [ny, nx] = transposed ? [side, rows] : [rows, side];
  return [0, 1, 2, 3, 4, 5].map((k) => Array.from({ length: ny }, (_, r) => Array.from({ length: nx }, (_, c) => (transposed ? values[(k * rows + c) * side + r] : values[(k * rows + r) * side + c]))));
}

/** Of a grid, what it holds at a place (0 to 1 both ways). Bilinear. */
function between(grid, x, y) {
  const rows = grid.length, columns = grid[0].length;
  const [u, v] = [x * (columns - 1), y * (rows - 1)], [c, r] = [Math.min(Math.floor(u), columns - 2), Math.max(0, Math.min(Math.floor(v), rows - 2))];
  const along = (row) => row[c] + (row[c + 1] - row[c]) * (u - c);
  return rows > 1 ? along(grid[r]) + (along(grid[r + 1]) - along(grid[r])) * (v - r) : along(grid[0]);
}

/** The place that is meant by a point of an axis: where only some values can be taken, that of the nearest. */
function settled(name, place) {
  const { choices } = data.map.axes[name];
  return choices ? choices.reduce((best, one) => (Math.abs(one - place) < Math.abs(best - place) ? one : best)) : place;
}

/** Grids of a plane, in bands along an axis that takes a few values only: what lies between them was not searched. */
function inBands(grids, x, y) {
  if (!data.map.axes[x].choices && !data.map.axes[y].choices) return grids;
  return grids.map((grid) => grid.map((row, r) => row.map((_, c) => between(grid, settled(x, c / (row.length - 1)), settled(y, r / (grid.length - 1))))));
}

/** A PNG as a data URL; y runs upwards. Bilinear between grid points. */
function paint(grids, side = 420) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const rgb = REGIMES.map((name) => [1, 3, 5].map((i) => parseInt(lookOf(name).colour.slice(i, i + 2), 16)));
  const rows = grids[0].length, columns = grids[0][0].length;
  for (let py = 0, at = 0; py < side; py++) {
    const y = (1 - py / (side - 1)) * (rows - 1), r = Math.min(Math.floor(y), rows - 2), fy = y - r;
    for (let px = 0; px < side; px++, at += 4) {
      const x = (px / (side - 1)) * (columns - 1), c = Math.min(Math.floor(x), columns - 2), fx = x - c;
      let best = 0, p = -1;
      for (let k = 0; k < grids.length; k++) {
        const below = grids[k][r], above = grids[k][r + 1];
        const here = (below[c] * (1 - fx) + below[c + 1] * fx) * (1 - fy) + (above[c] * (1 - fx) + above[c + 1] * fx) * fy;
        if (here > p) [best, p] = [k, here];
      }
      const hatched = p < data.map.confidence && (px + py) % 12 < 2;
      for (let k = 0; k < 3; k++) image.data[at + k] = hatched ? 128 : rgb[best][k];
      image.data[at + 3] = 255 * (hatched ? 0.75 : 0.15 + 0.5 * Math.max(0, (p - 0.25) / 0.75));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

/** Boundaries of each regime on the plane, with their bands. */
function boundaries(grids) {
  const y = linspace(grids[0].length), x = linspace(grids[0][0].length);
  return REGIMES.flatMap((name, k) =>
    [[0.5, 2, lookOf(name).dash], [data.map.confidence, 1, "longdashdot"]].map(([level, width, dash]) => ({
      type: "contour", x, y, z: grids[k], autocontour: false, showscale: false, hoverinfo: "skip", showlegend: false,
      contours: { coloring: "none", start: level, end: level, size: 1 },
      line: { color: colour("ink"), width: name === "good" && level === 0.5 ? 2.6 : width, dash, smoothing: 0.6 }, opacity: level === 0.5 ? 0.9 : 0.45,
    })),
  );
}

/** Each regime's area of the plane, how much of it is sure, and the place with most room for its name. */
function territories(grids) {
  const rows = grids[0].length, columns = grids[0][0].length, cells = rows * columns;
  const best = grids[0].map((row, r) => row.map((_, c) => { const p = grids.map((g) => g[r][c]); return p.indexOf(Math.max(...p)); }));
  return REGIMES.map((name, k) => {
    let count = 0, sure = 0;
    best.forEach((row, r) => row.forEach((b, c) => { if (b === k) { count += 1; sure += grids[k][r][c] >= data.map.confidence; } }));
    return { name, share: count / cells, decided: sure / cells, ...roomiest(best, k) };
  });
}

/** The cell of a region that lies deepest in it (distance in steps to its edge), and the region's extent there. */
function roomiest(best, k) {
  const rows = best.length, columns = best[0].length;
  const depth = best.map((row) => row.map((b) => (b === k ? Infinity : 0)));
  const at = (r, c) => depth[r]?.[c] ?? 0;
  const pass = (order, steps) => order((r, c) => { depth[r][c] = Math.min(depth[r][c], ...steps.map(([dr, dc, d]) => at(r + dr, c + dc) + d)); });
  const forwards = (f) => { for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) f(r, c); };
  const backwards = (f) => { for (let r = rows - 1; r >= 0; r--) for (let c = columns - 1; c >= 0; c--) f(r, c); };
  pass(forwards, [[-1, 0, 1], [0, -1, 1], [-1, -1, 1.4], [-1, 1, 1.4]]);
  pass(backwards, [[1, 0, 1], [0, 1, 1], [1, 1, 1.4], [1, -1, 1.4]]);
  let row = 0, column = 0;
  forwards((r, c) => { if (depth[r][c] > depth[row][column]) [row, column] = [r, c]; });
  const run = (dr, dc) => { let n = 0; while (best[row + (n + 1) * dr]?.[column + (n + 1) * dc] === k) n++; return n; };
  row += Math.round((run(1, 0) - run(-1, 0)) / 2); // of a strip that is equally deep all along, its middle
  column += Math.round((run(0, 1) - run(0, -1)) / 2);
  return { x: column / (columns - 1), y: row / Math.max(rows - 1, 1), across: (1 + run(0, 1) + run(0, -1)) / columns, up: (1 + run(1, 0) + run(-1, 0)) / rows };
}
