// How it looks. Everything is drawn anew whenever something changes; colours are those of the page's style.

const $ = (id) => document.getElementById(id);
const lanesCanvas = $('lanes'), overviewCanvas = $('overview');
const g = lanesCanvas.getContext('2d'), o = overviewCanvas.getContext('2d');
let colour = {};
let patterns = {};
const FONT = '11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
const OVERVIEW = 54; // height of the picture of the whole run; the axis is below it

function readColours() {
  const style = getComputedStyle(document.documentElement);
  colour = {};
  for (const name of ['ground', 'raised', 'ink', 'soft', 'line', 'faint', 'send', 'receive', 'delete', 'other', 'failed', 'unknown', 'empty', 'life',
    'life-edge', 'down', 'network', 'process', 'disk', 'clock', 'warning', 'error', 'breach', 'chosen', 'vip', 'shade']) {
    colour[name] = style.getPropertyValue(`--${name}`).trim();
  }
  patterns = {};
}

// striped is a pattern of diagonal lines.
function striped(name, gap = 5) {
  const key = `${name}/${gap}`;
  if (!patterns[key]) {
    const tile = document.createElement('canvas');
    tile.width = tile.height = gap;
    const t = tile.getContext('2d');
    t.strokeStyle = colour[name] || name;
    t.lineWidth = 1.3;
    t.beginPath();
    for (const shift of [-gap, 0, gap]) { t.moveTo(shift, gap); t.lineTo(shift + gap, 0); }
    t.stroke();
    patterns[key] = g.createPattern(tile, 'repeat');
  }
  return patterns[key];
}

const dark = () => matchMedia('(prefers-color-scheme: dark)').matches;
// groupColour gives each raft group a hue of its own, none of them those of failures.
const HUES = [210, 150, 275, 60, 185, 315, 110, 240];
function groupColour(group) {
  return `hsl(${HUES[group % HUES.length]} ${dark() ? '38% 36%' : '55% 80%'})`;
}

function opColour(op) {
  if (op.outcome === 'failed') return colour.failed;
  if (op.outcome === 'unknown') return colour.unknown;
  return colour[op.kind === 'change-visibility' ? 'other' : op.kind] || colour.other;
}

function sizeCanvas(canvas, context, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const w = Math.round(width * ratio), h = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
}

let widths = new Map();
function fitted(text, room) {
  if (room < 12) return '';
  const widthOf = (t) => {
    if (!widths.has(t)) {
      if (widths.size > 50000) widths = new Map();
      widths.set(t, g.measureText(t).width);
    }
    return widths.get(t);
  };
  if (widthOf(text) <= room) return text;
  const letters = Math.floor(room / 6.4) - 1;
  return letters >= 3 ? `${text.slice(0, letters)}…` : '';
}

// label writes a text into a box, from the part of the box that is in view: the first of several that has room there, or
// the beginning of the last.
function label(texts, box, ink) {
  const left = Math.max(box.x, GUTTER) + 4;
  const room = Math.min(box.x + box.width, view.width) - left - 2;
  const all = [].concat(texts);
  const t = all.map((text) => fitted(text, room)).find((text, k) => text === all[k]) || fitted(all[all.length - 1], room);
  if (!t) return;
  g.fillStyle = ink;
  g.fillText(t, left, box.y + box.height / 2 + 0.5);
}

function inView(box) { return box.x + box.width >= GUTTER && box.x <= view.width; }

function draw() {
  drawOverview();
  sizeCanvas(lanesCanvas, g, view.width, view.height);
  g.font = FONT;
  g.textBaseline = 'middle';
  g.save();
  g.translate(0, -view.top);
  drawGround();
  g.save();
  g.beginPath();
  g.rect(GUTTER, view.top, view.width - GUTTER, view.height);
  g.clip();
  drawTicks();
  drawShades();
  for (const lane of lanes) {
    if (lane.y + lane.height < view.top || lane.y > view.top + view.height) continue;
    if (lane.host) drawHost(lane); else drawThread(lane);
  }
  drawTies();
  drawMarks();
  drawBreaches();
  drawMoment();
  drawChosen();
  g.restore();
  drawNames();
  g.restore();
}

// drawGround paints every lane's ground and the chosen lane.
function drawGround() {
  lanes.forEach((lane, i) => {
    if (i === state.lane && document.activeElement === lanesCanvas) {
      g.fillStyle = colour.faint;
      g.fillRect(0, lane.y - 2, view.width, lane.height);
    }
    g.fillStyle = colour.faint;
    g.fillRect(0, lane.y + lane.height - (lane.host ? 4 : 2), view.width, 1);
  });
}

function drawNames() {
  lanes.forEach((lane, i) => {
    if (lane.heading) {
      g.fillStyle = colour.soft;
      g.font = `600 ${FONT}`;
      g.fillText(lane.heading, 8, lane.y - HEADING / 2 + 1);
      g.font = FONT;
    }
    const chosen = i === state.lane && document.activeElement === lanesCanvas;
    const at = state.at;
    const gone = lane.host && at !== null && lane.host.role !== 'client' && everRan(lane.host.i, at) && !lifeAt(lane.host.i, at);
    g.fillStyle = gone ? colour.down : colour.ink;
    if (chosen) g.font = `600 ${FONT}`;
    const y = lane.y + (lane.host ? ROW : OP_ROW) / 2;
    g.fillText(fitted(lane.name, 96), 10, y);
    g.font = FONT;
    g.fillStyle = colour.soft;
    const aside = lane.host ? `zone ${lane.host.zone + 1}` : (lane.thread.host >= 0 ? hosts[lane.thread.host].name : '');
    g.textAlign = 'right';
    g.fillText(fitted(aside, 54), GUTTER - 8, y);
    g.textAlign = 'left';
  });
}

// Time.
function ticks() {
  const target = (view.to - view.from) / Math.max(3, laneWidth() / 110);
  let step = 1;
  for (let power = 1; ; power *= 10) {
    const found = [1, 2, 5].find((k) => k * power >= target);
    if (found) { step = found * power; break; }
  }
  const digits = Math.max(0, 6 - Math.floor(Math.log10(step)));
  const all = [];
  for (let t = Math.ceil(Math.max(0, view.from) / step) * step; t <= view.to; t += step) all.push({ t, text: `${(t / 1e6).toFixed(digits)} s` });
  return all;
}

function drawTicks() {
  g.fillStyle = colour.line;
  for (const tick of ticks()) g.fillRect(Math.round(xOf(tick.t)), view.top, 1, view.height);
  const end = xOf(data.end);
  if (end < view.width) {
    g.fillStyle = colour.raised;
    g.fillRect(end, view.top, view.width - end, view.height);
  }
  g.fillStyle = colour.raised;
  const start = xOf(0);
  if (start > GUTTER) g.fillRect(GUTTER, view.top, start - GUTTER, view.height);
  const x = Math.round(xOf(data.faultyEnd));
  g.strokeStyle = colour.soft;
  g.setLineDash([2, 4]);
  g.beginPath();
  g.moveTo(x + 0.5, view.top);
  g.lineTo(x + 0.5, view.top + view.height);
  g.stroke();
  g.setLineDash([]);
  const room = view.width - x;
  if (x > GUTTER && room > 110) {
    g.fillStyle = colour.soft;
    g.fillText('faults over', x + 4, 4 + HEADING / 2);
  }
}

function drawBreaches() {
  for (const b of breaches) {
    const chosen = state.breach === b.i;
    if (chosen) {
      g.fillStyle = colour.breach;
      g.globalAlpha = Number(colour.shade) * 0.7;
      const x = xOf(b.from);
      g.fillRect(x, view.top, Math.max(2, xOf(b.to) - x), view.height);
      g.globalAlpha = 1;
    }
    const x = xOf(b.at);
    if (x < GUTTER || x > view.width) continue;
    g.fillStyle = colour.breach;
    g.globalAlpha = chosen || breaches.length < 12 ? 1 : 0.35;
    g.fillRect(Math.round(x) - (chosen ? 1 : 0), view.top, chosen ? 2 : 1, view.height);
    g.globalAlpha = 1;
    if (chosen) {
      const text = b.rule;
      const width = g.measureText(text).width + 10;
      const left = Math.min(x, view.width - width);
      g.fillStyle = colour.breach;
      g.fillRect(left, view.top, width, 16);
      g.fillStyle = colour.ground;
      g.fillText(text, left + 5, view.top + 8.5);
    }
  }
}

// drawMoment draws the moment that the panel tells of, and the pointer's.
function drawMoment() {
  const line = (t, dash) => {
    const x = Math.round(xOf(t)) + 0.5;
    if (x < GUTTER || x > view.width) return;
    g.strokeStyle = colour.soft;
    g.setLineDash(dash);
    g.beginPath();
    g.moveTo(x, view.top);
    g.lineTo(x, view.top + view.height);
    g.stroke();
    g.setLineDash([]);
  };
  if (state.at !== null) line(state.at, []);
  if (state.pointer) line(tOf(state.pointer.x), [1, 3]);
  if (state.brush) {
    g.fillStyle = colour.send;
    g.globalAlpha = 0.2;
    g.fillRect(Math.min(state.brush.from, state.brush.to), view.top, Math.abs(state.brush.to - state.brush.from), view.height);
    g.globalAlpha = 1;
  }
}

// drawChosen outlines what is selected, on every lane where it is drawn.
function drawChosen() {
  if (!state.selected || state.selected.type === 'breach') return;
  for (const lane of lanes) {
    for (const placed of lane.things) {
      if (placed.thing !== state.selected) continue;
      const box = boxOf(lane, placed);
      g.strokeStyle = colour.chosen;
      g.lineWidth = 2;
      g.strokeRect(box.x - 2, box.y - 2, Math.max(5, box.width + 4), box.height + 4);
      g.lineWidth = 1;
    }
  }
}

