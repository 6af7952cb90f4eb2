// Lanes of client threads: their operations, and what joins those on one message.

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
    label([opTitle(op), verb(op)], { ...box, x: box.x + shift, width: box.width - shift, height }, op.outcome === 'unknown' ? colour.ink : colour.ground);
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

