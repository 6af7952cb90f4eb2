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

// label writes a text into a box, from the part of the box that is in view.
function label(text, box, ink) {
  const left = Math.max(box.x, GUTTER) + 4;
  const room = Math.min(box.x + box.width, view.width) - left - 2;
  const t = fitted(text, room);
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

// drawShades shades the lanes of hosts that a fault kept from others, for as long as it did.
function drawShades() {
  for (const lane of lanes) {
    if (!lane.host) continue;
    for (const placed of lane.things) {
      const span = placed.thing;
      if (placed.part !== 'fault' || span.to <= span.from || span.hidden) continue;
      g.globalAlpha = Number(colour.shade) * (span.reach === Reach.all ? 0.6 : 1.6);
      g.fillStyle = colour[categoryOf(span)];
      const x = xOf(span.from);
      g.fillRect(x, lane.y - 2, xOf(span.to) - x, lane.height - 2);
      g.globalAlpha = 1;
    }
  }
}

function drawHost(lane) {
  const host = lane.host;
  drawDowns(lane);
  for (const placed of lane.things) {
    const box = boxOf(lane, placed);
    if (!inView(box)) continue;
    const thing = placed.thing;
    g.globalAlpha = thing.hidden ? 0.15 : 1;
    switch (thing.type) {
      case 'life': drawLife(thing, box, host); break;
      case 'reign': drawReign(thing, box); break;
      case 'hold':
        g.fillStyle = colour.vip;
        g.fillRect(box.x, box.y, box.width, box.height);
        label('holds the virtual IP', box, colour.ground);
        break;
      case 'span': drawSpan(thing, box, host); break;
      default:
    }
    g.globalAlpha = 1;
  }
  for (const placed of lane.things) if (placed.part === 'note') drawNote(lane, placed);
}

// drawDowns draws when the host did not run.
function drawDowns(lane) {
  const mine = lives.filter((l) => l.host === lane.host.i);
  const y = lane.y + ROW / 2;
  mine.forEach((life, k) => {
    const next = k + 1 < mine.length ? mine[k + 1].from : data.end;
    if (!life.ended || next <= life.to) return;
    const x = xOf(life.to), width = xOf(next) - x;
    if (x > view.width || x + width < GUTTER) return;
    g.fillStyle = striped('down', 6);
    g.globalAlpha = 0.35;
    g.fillRect(x, lane.y, width, ROW);
    g.globalAlpha = 1;
    const text = fitted('down', Math.min(x + width, view.width) - Math.max(x, GUTTER) - 12);
    if (text) {
      const left = Math.max(x, GUTTER) + 10;
      g.fillStyle = colour.ground;
      g.fillRect(left - 2, lane.y + 1, 30, ROW - 2);
      g.fillStyle = colour.down;
      g.fillText(text, left, y + 0.5);
    }
  });
}

function drawLife(life, box, host) {
  g.fillStyle = colour.life;
  g.fillRect(box.x, box.y, box.width, box.height);
  if (host.role === 'client') return;
  g.fillStyle = colour['life-edge'];
  g.fillRect(box.x, box.y, 1.5, box.height);
  label(life.number === 1 ? 'up' : `up, start ${life.number}`, box, colour.soft);
  if (!life.ended) return;
  const x = box.x + box.width, y = box.y + ROW / 2;
  g.strokeStyle = colour.down;
  g.lineWidth = 2;
  g.beginPath();
  g.moveTo(x - 4, y - 4); g.lineTo(x + 4, y + 4);
  g.moveTo(x - 4, y + 4); g.lineTo(x + 4, y - 4);
  g.stroke();
  g.lineWidth = 1;
}

function drawReign(reign, box) {
  const sure = { ...box, width: Math.max(1.5, xOf(reign.to) - box.x) };
  g.fillStyle = groupColour(reign.group);
  g.fillRect(sure.x, sure.y, sure.width, sure.height);
  if (reign.believed > reign.to) {
    const x = xOf(reign.to), width = box.x + box.width - x;
    g.fillStyle = striped(groupColour(reign.group), 4);
    g.fillRect(x, box.y, width, box.height);
    g.strokeStyle = colour.soft;
    g.setLineDash([3, 2]);
    g.strokeRect(x + 0.5, box.y + 0.5, Math.max(1, width - 1), box.height - 1);
    g.setLineDash([]);
    label(reign.known ? 'still believes it' : 'may still believe it', { ...box, x, width }, colour.ink);
  }
  label(`leads ${data.groups[reign.group]}, term ${reign.term}`, sure, colour.ink);
}

function drawSpan(span, box, host) {
  const name = colour[categoryOf(span)];
  const other = !span.on.includes(host.i);
  if (span.to <= span.from) { // a moment: a diamond with its name beside it
    const x = box.x, y = box.y + box.height / 2;
    g.fillStyle = name;
    g.beginPath();
    g.moveTo(x, y - 5); g.lineTo(x + 5, y); g.lineTo(x, y + 5); g.lineTo(x - 5, y);
    g.closePath();
    g.fill();
    g.fillText(span.kind || span.text.slice(0, 24), x + 8, y + 0.5);
    return;
  }
  g.fillStyle = other ? striped(name, 5) : name;
  g.globalAlpha *= other ? 0.55 : 0.9;
  g.fillRect(box.x, box.y, box.width, box.height);
  g.globalAlpha = span.hidden ? 0.15 : 1;
  if (other) {
    g.strokeStyle = name;
    g.strokeRect(box.x + 0.5, box.y + 0.5, Math.max(1, box.width - 1), box.height - 1);
  }
  const text = spanLabel(span, host.i);
  if (other) {
    const t = fitted(text, Math.min(box.x + box.width, view.width) - Math.max(box.x, GUTTER) - 8);
    if (t) {
      g.fillStyle = colour.ground;
      g.fillRect(Math.max(box.x, GUTTER) + 2, box.y + 1, g.measureText(t).width + 4, box.height - 2);
    }
  }
  label(text, box, other ? colour.ink : colour.ground);
}

// spanLabel tells a fault as the host on whose lane it is drawn sees it.
function spanLabel(span, host) {
  const others = span.on.includes(host) ? span.and : span.on;
  const whom = span.rest !== Rest.none ? 'everybody else' : others.filter((h) => h !== host).map((h) => hosts[h].name).join(', ');
  const out = span.on.includes(host);
  switch (span.kind) {
    case 'cut': case 'zone-outage': return `${span.kind}: no packets to or from ${whom}`;
    case 'no-peer': return `no-peer: does not see ${whom}`;
    case 'cut-one-way': case 'clog': return `${span.kind}: no packets ${out ? 'to' : 'from'} ${whom}`;
    case 'ring': return 'ring: reaches its two neighbours only';
    default: return PAIRED.has(span.kind) ? `${span.kind}: ${whom}` : span.kind || span.text;
  }
}

function drawNote(lane, placed) {
  const note = placed.thing;
  const x = xOf(note.at);
  if (x < GUTTER - 4 || x > view.width + 4) return;
  g.globalAlpha = note.hidden ? 0.15 : 1;
  g.fillStyle = note.kind === 'error' ? colour.error : note.kind === 'operator' ? colour.focus || colour.send : colour.warning;
  const y = lane.y + ROW;
  g.beginPath();
  g.moveTo(x, y - 6); g.lineTo(x + 3, y); g.lineTo(x - 3, y);
  g.closePath();
  g.fill();
  g.globalAlpha = 1;
}

function drawThread(lane) {
  const dim = marking();
  // What went well first, so that what did not, and what is looked at, is never hidden behind it.
  for (const pass of [0, 1, 2]) {
    for (const placed of lane.things) {
      const op = placed.thing;
      if (op.hidden) continue;
      const mine = dim && marked(op);
      const rank = mine ? 2 : op.outcome === 'ok' ? 0 : 1;
      if (rank !== pass) continue;
      const box = boxOf(lane, placed);
      if (inView(box)) drawOp(op, box, dim && !mine, mine);
    }
  }
}

function drawOp(op, box, dimmed, mine) {
  const ink = opColour(op);
  g.globalAlpha = dimmed ? 0.28 : 1;
  const height = Math.max(1, box.height - (op.slices > 4 ? 0 : 1));
  if (isEmptyReceive(op)) {
    g.fillStyle = colour.empty;
    g.fillRect(box.x, box.y + box.height / 2 - 1, box.width, 2);
  } else if (op.outcome === 'unknown' && box.width > 4) {
    g.fillStyle = ink;
    g.globalAlpha *= 0.25;
    g.fillRect(box.x, box.y, box.width, height);
    g.globalAlpha = dimmed ? 0.28 : 1;
    g.fillStyle = striped('unknown', 5);
    g.fillRect(box.x, box.y, box.width, height);
    g.fillStyle = ink;
    g.fillRect(box.x, box.y, 2, height);
  } else {
    g.fillStyle = ink;
    g.fillRect(box.x, box.y, box.width, height);
    if (op.outcome === 'failed' && box.width > 7 && height > 8) { // a bar of its own besides the colour
      g.fillStyle = colour.ground;
      g.fillRect(box.x + 2, box.y + height / 2 - 1, Math.min(5, box.width - 4), 2);
    }
  }
  if (box.width > 34 && op.slices < 2 && !isEmptyReceive(op)) {
    const shift = op.outcome === 'failed' ? 6 : op.outcome === 'unknown' ? 2 : 0;
    label(opTitle(op), { ...box, x: box.x + shift, width: box.width - shift, height }, op.outcome === 'unknown' ? colour.ink : colour.ground);
  }
  g.globalAlpha = 1;
  if (mine) {
    g.strokeStyle = colour.chosen;
    g.lineWidth = 1.5;
    g.strokeRect(box.x - 1, box.y - 1, Math.max(4, box.width + 2), height + 2);
    g.lineWidth = 1;
  }
}

// laneOfOp and placeOf find where an operation is drawn.
const laneOfOp = (op) => lanes.find((lane) => lane.thread && lane.thread.i === op.thread);
function placeOf(op) {
  const lane = laneOfOp(op);
  return lane ? boxOf(lane, { thing: op, part: 'op', row: 0 }) : null;
}

// drawMarks joins the operations on each message that is looked at, in order of their calls.
function drawMarks() {
  for (const message of state.messages) {
    const boxes = messageOps[message].filter((op) => !op.hidden).map(placeOf).filter(Boolean);
    if (boxes.length < 2) continue;
    g.strokeStyle = colour.chosen;
    g.lineWidth = 1.2;
    g.globalAlpha = 0.75;
    g.beginPath();
    boxes.forEach((box, k) => {
      const y = box.y + box.height / 2;
      if (k === 0) { g.moveTo(box.x + box.width / 2, y); return; }
      const before = boxes[k - 1];
      const x1 = before.x + before.width / 2, y1 = before.y + before.height / 2;
      const x2 = box.x + box.width / 2;
      const bend = Math.min(60, Math.abs(x2 - x1) / 2);
      g.bezierCurveTo(x1 + bend, y1, x2 - bend, y, x2, y);
    });
    g.stroke();
    g.globalAlpha = 1;
    g.lineWidth = 1;
    boxes.forEach((box, k) => drawNumber(box, k + 1));
  }
}

// drawNumber writes the place of an operation in a message's story beside it.
function drawNumber(box, number) {
  const x = box.x - 8, y = box.y + box.height / 2;
  if (x < GUTTER - 4 || state.messages.size > 1) return;
  g.fillStyle = colour.chosen;
  g.beginPath();
  g.arc(x, y, 7, 0, 2 * Math.PI);
  g.fill();
  g.fillStyle = colour.ground;
  g.textAlign = 'center';
  g.fillText(String(number), x, y + 0.5);
  g.textAlign = 'left';
}

// drawTies joins the lanes of the two sides of a fault between hosts.
function drawTies() {
  for (const span of spans) {
    const hovered = state.hover === span || state.selected === span;
    if (span.hidden || !(PAIRED.has(span.kind) && (span.rest === Rest.none || hovered))) continue;
    const touched = lanes.filter((lane) => lane.host && (touches(span, lane.host.i) || (hovered && (span.on.includes(lane.host.i) || span.and.includes(lane.host.i)))));
    const x = xOf(span.from);
    if (touched.length < 2 || x < GUTTER || x > view.width) continue;
    g.strokeStyle = colour[categoryOf(span)];
    g.fillStyle = g.strokeStyle;
    g.lineWidth = hovered ? 2 : 1;
    g.beginPath();
    g.moveTo(x, touched[0].y + ROW / 2);
    g.lineTo(x, touched[touched.length - 1].y + ROW / 2);
    g.stroke();
    g.lineWidth = 1;
    for (const lane of touched) {
      g.beginPath();
      g.arc(x, lane.y + ROW / 2, 3, 0, 2 * Math.PI);
      if (span.on.includes(lane.host.i)) g.fill(); else { g.save(); g.fillStyle = colour.ground; g.fill(); g.restore(); g.stroke(); }
    }
  }
}

function drawBreaches() {
  for (const b of breaches) {
    const chosen = state.breach === b.i;
    if (chosen) {
      g.fillStyle = colour.breach;
      g.globalAlpha = Number(colour.shade) * 0.8;
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
    o.fillRect(x(b.at) - 1, 0, 2, OVERVIEW);
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
