// Qubits are placed so that distances on the page are distances on the chip: stress majorisation, begun with the
// distances from three far corners. The same device always looks the same.

/** Steps from every qubit to every other along couplers; what is not connected is far. */
function distances(n, edges) {
  const next = Array.from({ length: n }, () => []);
  for (const [a, b] of edges) {
    next[a].push(b);
    next[b].push(a);
  }
  return next.map((_, from) => {
    const found = new Float64Array(n).fill(-1);
    const queue = [from];
    found[from] = 0;
    for (const at of queue) for (const it of next[at]) if (found[it] < 0) {
      found[it] = found[at] + 1;
      queue.push(it);
    }
    const far = Math.sqrt(n) + 2;
    return found.map((it) => (it < 0 ? far : it));
  });
}

/** `[x, y]` in 0…1 for each qubit, and the width to height of the whole. */
export function layout(n, edges, rounds = 120) {
  const d = distances(n, edges);
  const farthest = (steps) => steps.indexOf(Math.max(...steps));
  const a = farthest(d[0]);
  const b = farthest(d[a]);
  const c = farthest(d[a].map((it, i) => Math.min(it, d[b][i])));
  let at = Array.from(d[c], (it, i) => [d[a][i] - d[b][i] + Math.sin(i), 2 * it + Math.cos(i)]);
  for (let round = 0; round < rounds; round++) {
    at = at.map(([x, y], i) => {
      let [sx, sy, weight] = [0, 0, 0];
      for (let j = 0; j < n; j++) {
        if (i === j) continue;
        const [dx, dy] = [x - at[j][0], y - at[j][1]];
        const length = Math.hypot(dx, dy) || 1e-6;
        const w = 1 / (d[i][j] * d[i][j]);
        sx += w * (at[j][0] + (d[i][j] * dx) / length);
        sy += w * (at[j][1] + (d[i][j] * dy) / length);
        weight += w;
      }
      return weight ? [sx / weight, sy / weight] : [x, y];
    });
  }
  const [xs, ys] = [at.map((it) => it[0]), at.map((it) => it[1])];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [width, height] = [Math.max(...xs) - left || 1, Math.max(...ys) - top || 1];
  return { points: at.map(([x, y]) => [x - left, y - top]), width, height };
}
