// Lanes of hosts: when they ran, what they led, what was broken.

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
  if (life.number > 1) label(`start ${life.number}`, box, colour.soft);
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
    label(reign.known ? ['still believes it', 'believes it'] : ['may still believe it', 'may believe', '?'], { ...box, x, width }, colour.ink);
  }
  label([`leads ${data.groups[reign.group]}, term ${reign.term}`, `${data.groups[reign.group]}, term ${reign.term}`, data.groups[reign.group]], sure, colour.ink);
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
  const room = Math.min(box.x + box.width, view.width) - Math.max(box.x, GUTTER) - 8;
  const long = spanLabel(span, host.i);
  const text = fitted(long, room) === long ? long : span.kind;
  if (other) {
    const t = fitted(text, room);
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
  g.fillStyle = note.kind === 'error' ? colour.error : note.kind === 'operator' ? colour.send : colour.warning;
  const y = lane.y + ROW;
  g.beginPath();
  g.moveTo(x, y - 6); g.lineTo(x + 3, y); g.lineTo(x - 3, y);
  g.closePath();
  g.fill();
  g.globalAlpha = 1;
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

