// The picture of the whole run in small, above the lanes.

// drawOverview draws the whole run in small, with the span that is shown below it, and the time axis.
function drawOverview() {
  const width = view.width;
  sizeCanvas(overviewCanvas, o, width, OVERVIEW + AXIS);
  o.font = FONT;
  o.textBaseline = 'middle';
  const x = (t) => GUTTER + (t / data.end) * laneWidth();
  o.fillStyle = colour.raised;
  o.fillRect(0, 0, width, OVERVIEW);
  o.fillStyle = colour.soft;
  o.fillText('Faults', 10, 8);
  o.fillText('Operations', 10, 32);
  spans.forEach((span, k) => {
    o.fillStyle = colour[categoryOf(span)];
    o.globalAlpha = 0.75;
    o.fillRect(x(span.from), 2 + (k % 4) * 3.5, Math.max(2, x(span.to) - x(span.from)), 3);
  });
  o.globalAlpha = 1;
  drawDensity(x);
  for (const b of breaches) {
    o.fillStyle = colour.breach;
    const alone = state.breach === b.i || breaches.length < 12; // many would hide what is behind them
    const height = alone ? OVERVIEW : 4;
    o.fillRect(x(b.at) - 1, OVERVIEW - height, 2, height);
  }
  o.fillStyle = colour.ground;
  o.globalAlpha = 0.55;
  const from = x(Math.max(0, view.from)), to = x(Math.min(data.end, view.to));
  o.fillRect(GUTTER, 0, Math.max(0, from - GUTTER), OVERVIEW);
  o.fillRect(to, 0, Math.max(0, width - to), OVERVIEW);
  o.globalAlpha = 1;
  o.strokeStyle = colour.soft;
  o.strokeRect(Math.round(from) + 0.5, 0.5, Math.max(3, Math.round(to - from) - 1), OVERVIEW - 1);
  o.fillStyle = colour.soft;
  o.textAlign = 'center';
  for (const tick of ticks()) {
    const at = xOf(tick.t);
    if (at < GUTTER + 16 || at > width - 20) continue;
    o.fillText(tick.text, at, OVERVIEW + AXIS / 2);
  }
  o.textAlign = 'left';
  if (state.at !== null) {
    const at = xOf(state.at);
    if (at >= GUTTER && at <= width) {
      const text = seconds(state.at);
      const w = o.measureText(text).width + 8;
      const left = Math.max(GUTTER, Math.min(at - w / 2, width - w));
      o.fillStyle = colour.ink;
      o.fillRect(left, OVERVIEW + 3, w, AXIS - 5);
      o.fillStyle = colour.ground;
      o.fillText(text, left + 4, OVERVIEW + AXIS / 2);
    }
  }
}

let density = null;
// drawDensity draws how many operations began when, and how many of them did not go well.
function drawDensity(x) {
  const columns = Math.max(1, Math.floor(laneWidth() / 2));
  if (!density || density.columns !== columns) {
    const bins = { ok: new Float64Array(columns), unknown: new Float64Array(columns), failed: new Float64Array(columns) };
    for (const op of ops) {
      const k = Math.min(columns - 1, Math.max(0, Math.floor((op.from / data.end) * columns)));
      (bins[op.outcome] || bins.ok)[k]++;
    }
    let most = 1;
    for (let k = 0; k < columns; k++) most = Math.max(most, bins.ok[k] + bins.unknown[k] + bins.failed[k]);
    density = { columns, bins, most };
  }
  const bottom = OVERVIEW - 2, room = OVERVIEW - 20;
  for (let k = 0; k < columns; k++) {
    let y = bottom;
    for (const [name, ink] of [['failed', colour.failed], ['unknown', colour.unknown], ['ok', colour.receive]]) {
      const n = density.bins[name][k];
      if (!n) continue;
      const height = Math.max(name === 'ok' ? 1 : 2, (n / density.most) * room);
      o.fillStyle = ink;
      o.globalAlpha = name === 'ok' ? 0.55 : 1;
      o.fillRect(x((k / density.columns) * data.end), y - height, 2, height);
      y -= height;
    }
  }
  o.globalAlpha = 1;
}
