// What a reader does: pointing, dragging, keys, filters, links to a place in the picture.

let waiting = false;
// refresh draws the picture before the next frame, once.
function refresh() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; measure(); draw(); });
}

function measure() {
  const scroll = $('scroll');
  view.width = scroll.clientWidth;
  view.height = scroll.clientHeight;
  view.top = scroll.scrollTop;
  $('height').style.height = `${Math.max(contentHeight, scroll.clientHeight)}px`;
  lanesCanvas.style.height = `${view.height}px`;
  overviewCanvas.style.width = `${view.width}px`;
}

// select makes a thing what the panel tells of. keep leaves the messages that are looked at as they are.
function select(thing, { keep = false } = {}) {
  state.selected = thing;
  if (thing && thing.type === 'op') {
    state.at = thing.from;
    if (!keep) {
      state.breach = null;
      state.messages = new Set(thing.subjects.length === 1 ? [thing.subjects[0].message] : []);
    }
  } else if (thing && thing.type !== 'breach') {
    state.at = thing.from;
  }
  changed();
  say(thing ? tipOf(thing) : 'nothing is selected');
}

// lookAt marks one message among those of an operation.
function lookAt(op, message) {
  state.selected = op;
  state.breach = null;
  state.messages = new Set([message]);
  changed();
}

// AFTERMATH is how much is shown of the time between the operations of a broken rule and the moment it was certain.
const AFTERMATH = 10e6;

// SURROUNDINGS is how much of the run a reader sees at first around a broken rule, if the run is that long.
const SURROUNDINGS = 10e6;

// selectBreach marks the operations that show a broken rule and shows their time, and at least a span around it.
function selectBreach(i, least = 0) {
  const b = breaches[i];
  state.breach = i;
  state.selected = b;
  state.messages = new Set(b.messages);
  pin();
  layOut();
  state.at = b.ops.length ? b.to : b.at; // what is noticed late has happened about then
  let from = b.from, to = Math.max(b.to, Math.min(b.at, b.to + AFTERMATH));
  for (const op of markedOps()) { from = Math.min(from, op.from); to = Math.max(to, op.to); }
  zoomTo(from, to);
  const lacking = least - (view.to - view.from);
  if (lacking > 0) show(view.from - lacking / 2, view.to + lacking / 2);
  changed();
  say(`broken rule ${b.rule} at ${seconds(b.at)}: ${b.text}`);
}

function changed() {
  document.querySelectorAll('#breaches button').forEach((button, i) => button.setAttribute('aria-pressed', String(i === state.breach)));
  drawPanel();
  remember();
  refresh();
}

const say = (text) => { $('said').textContent = text; };

// reveal moves the view so that an operation can be seen.
function reveal(thing) {
  const length = view.to - view.from;
  if (thing.from < view.from || thing.to > view.to) {
    if (thing.to - thing.from > length) zoomTo(thing.from, thing.to);
    else show((thing.from + thing.to) / 2 - length / 2, (thing.from + thing.to) / 2 + length / 2);
  }
  const lane = lanes.find((l) => l.things.some((p) => p.thing === thing));
  if (lane) {
    state.lane = lanes.indexOf(lane);
    const scroll = $('scroll');
    if (lane.y < scroll.scrollTop) scroll.scrollTop = lane.y - 20;
    else if (lane.y + lane.height > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = lane.y + lane.height - scroll.clientHeight + 20;
  }
  refresh();
}

// thingAt returns what lies at a point of the picture: the last drawn, and the nearest of what is narrow.
function thingAt(x, y) {
  if (x < GUTTER) return null;
  const lane = lanes.find((l) => y >= l.y - 2 && y < l.y + l.height - 2);
  if (!lane) return null;
  let best = null, least = Infinity;
  for (const placed of lane.things) {
    if (placed.thing.hidden) continue;
    const box = boxOf(lane, placed);
    const narrow = box.width < 6 ? 4 : 0;
    const inside = y >= box.y - 1 && y <= box.y + Math.max(box.height, 2) && x >= box.x - narrow && x <= box.x + box.width + narrow;
    if (!inside) continue;
    const rank = (placed.part === 'note' ? -1e6 : 0) + (marking() && placed.part === 'op' && marked(placed.thing) ? -1e5 : 0) + box.width;
    if (rank <= least) { least = rank; best = placed.thing; }
  }
  return best;
}

const pointOf = (event) => {
  const rect = lanesCanvas.getBoundingClientRect();
  return { x: event.clientX - rect.left, y: event.clientY - rect.top + view.top };
};

function showTip(thing, event) {
  const tip = $('tip');
  if (!thing) { tip.hidden = true; return; }
  tip.textContent = tipOf(thing).slice(0, 700);
  tip.hidden = false;
  const left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
  const top = event.clientY + 18 + tip.offsetHeight > window.innerHeight ? event.clientY - tip.offsetHeight - 10 : event.clientY + 18;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}

let drag = null;
lanesCanvas.addEventListener('pointerdown', (event) => {
  if (event.button !== 0) return;
  const p = pointOf(event);
  drag = { x: p.x, y: p.y, from: view.from, to: view.to, moved: false, brush: event.shiftKey };
  lanesCanvas.setPointerCapture(event.pointerId);
});
lanesCanvas.addEventListener('pointermove', (event) => {
  const p = pointOf(event);
  state.pointer = p.x >= GUTTER ? p : null;
  if (drag) {
    if (Math.abs(p.x - drag.x) > 3) drag.moved = true;
    if (drag.moved && drag.brush) state.brush = { from: drag.x, to: p.x };
    else if (drag.moved) {
      lanesCanvas.classList.add('moving');
      const by = ((drag.x - p.x) / laneWidth()) * (drag.to - drag.from);
      show(drag.from + by, drag.to + by);
    }
    showTip(null);
  } else {
    const thing = thingAt(p.x, p.y);
    state.hover = thing;
    lanesCanvas.style.cursor = thing ? 'pointer' : '';
    showTip(thing, event);
  }
  refresh();
});
lanesCanvas.addEventListener('pointerup', (event) => {
  if (!drag) return;
  const p = pointOf(event), was = drag;
  drag = null;
  lanesCanvas.classList.remove('moving');
  if (was.moved && was.brush) {
    const a = tOf(Math.min(was.x, p.x)), b = tOf(Math.max(was.x, p.x));
    state.brush = null;
    show(a, b);
  } else if (!was.moved) {
    const lane = lanes.findIndex((l) => p.y >= l.y - 2 && p.y < l.y + l.height);
    if (lane >= 0) state.lane = lane;
    const thing = thingAt(p.x, p.y);
    if (thing) select(thing, { keep: thing.type !== 'op' || marked(thing) });
    if (p.x >= GUTTER && (!thing || thing.type !== 'op')) state.at = Math.min(Math.max(0, Math.round(tOf(p.x))), data.end);
    changed();
    return;
  }
  remember();
  refresh();
});
lanesCanvas.addEventListener('pointerleave', () => { state.pointer = null; state.hover = null; showTip(null); refresh(); });
lanesCanvas.addEventListener('pointercancel', () => { drag = null; state.brush = null; refresh(); });
lanesCanvas.addEventListener('dblclick', (event) => { zoom(0.25, tOf(pointOf(event).x)); remember(); refresh(); });

function wheel(event, at) {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    event.preventDefault();
    zoom(Math.exp(Math.max(-80, Math.min(80, event.deltaY)) * 0.006), at);
  } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    pan(((event.deltaX || event.deltaY) / laneWidth()) * 1.0);
  } else return;
  remember();
  refresh();
}
lanesCanvas.addEventListener('wheel', (event) => wheel(event, tOf(pointOf(event).x)), { passive: false });

// The overview moves the view.
let pulling = false;
function pull(event) {
  const rect = overviewCanvas.getBoundingClientRect();
  const at = ((event.clientX - rect.left - GUTTER) / laneWidth()) * data.end;
  const half = (view.to - view.from) / 2;
  show(at - half, at + half);
  refresh();
}
overviewCanvas.addEventListener('pointerdown', (event) => { pulling = true; overviewCanvas.setPointerCapture(event.pointerId); pull(event); });
overviewCanvas.addEventListener('pointermove', (event) => { if (pulling) pull(event); });
overviewCanvas.addEventListener('pointerup', () => { pulling = false; remember(); });
overviewCanvas.addEventListener('wheel', (event) => {
  event.preventDefault();
  zoom(Math.exp(Math.max(-80, Math.min(80, event.deltaY)) * 0.006), (view.from + view.to) / 2);
  remember();
  refresh();
}, { passive: false });
$('scroll').addEventListener('scroll', refresh, { passive: true });

// step selects the thing before or after the selected one in the chosen lane, or the first in view.
function step(by) {
  const lane = lanes[state.lane];
  if (!lane) return;
  const things = lane.things.map((p) => p.thing).filter((t) => !t.hidden).sort((a, b) => a.from - b.from || a.i - b.i);
  if (!things.length) return;
  let k = things.indexOf(state.selected);
  if (k < 0) {
    k = by > 0 ? things.findIndex((t) => t.from >= view.from) : things.findLastIndex((t) => t.from <= view.to);
    if (k < 0) k = by > 0 ? things.length - 1 : 0;
  } else k = Math.min(things.length - 1, Math.max(0, k + by));
  select(things[k], { keep: things[k].type !== 'op' });
  reveal(things[k]);
}

// follow selects the operation before or after the selected one on the same messages.
function follow(by) {
  const list = markedOps();
  if (!list.length) return;
  const k = list.indexOf(state.selected);
  const next = list[k < 0 ? (by > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, k + by))];
  select(next, { keep: true });
  reveal(next);
}

function nextBreach(by) {
  if (!breaches.length) return;
  const k = state.breach === null ? (by > 0 ? 0 : breaches.length - 1) : (state.breach + by + breaches.length) % breaches.length;
  selectBreach(k);
}

function clear() {
  Object.assign(state, { selected: null, breach: null, messages: new Set(), pinned: new Set(), at: null, text: '', queue: '', kind: '', outcome: '', only: '' });
  for (const id of ['text', 'queue', 'kind', 'outcome', 'lane']) $(id).value = '';
  filter();
  changed();
}

function chooseLane(by) {
  state.lane = Math.min(lanes.length - 1, Math.max(0, state.lane + by));
  const lane = lanes[state.lane];
  const scroll = $('scroll');
  if (lane.y - 24 < scroll.scrollTop) scroll.scrollTop = lane.y - 24;
  else if (lane.y + lane.height > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = lane.y + lane.height - scroll.clientHeight + 8;
  say(`lane ${lane.name}, ${lane.things.length} things`);
}

const middle = () => (state.pointer ? tOf(state.pointer.x) : state.at !== null && state.at > view.from && state.at < view.to ? state.at : (view.from + view.to) / 2);
const KEYS = {
  ArrowLeft: (e) => pan(e.shiftKey ? -0.5 : -0.1), ArrowRight: (e) => pan(e.shiftKey ? 0.5 : 0.1),
  ArrowUp: () => chooseLane(-1), ArrowDown: () => chooseLane(1),
  '+': () => zoom(0.6, middle()), '=': () => zoom(0.6, middle()), '-': () => zoom(1 / 0.6, middle()), 0: fit, Home: fit,
  ',': () => step(-1), '.': () => step(1), '[': () => follow(-1), ']': () => follow(1),
  n: () => nextBreach(1), p: () => nextBreach(-1), Escape: clear, '/': () => $('text').focus(),
  Enter: () => { const t = state.selected; if (t) zoomTo(t.from, Math.max(t.to, t.from + 1)); },
};
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target.closest('input, select, button, summary');
  if (field && (event.key !== 'Escape')) return;
  if ((event.key === 'ArrowUp' || event.key === 'ArrowDown') && event.target !== lanesCanvas) return;
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action(event);
  remember();
  refresh();
});

// Filters.
function filter() {
  applyFilters();
  layOut();
  $('found').textContent = shownOps === ops.length ? `${ops.length} operations` : `${shownOps} of ${ops.length} operations`;
  refresh();
}
// TEXT_MARKS is how many messages a text may name so that their stories are told at once.
const TEXT_MARKS = 4;
function filterText() {
  state.text = $('text').value;
  const text = state.text.trim();
  if (text.length > 2) {
    const found = messages.filter((m) => m.ids.includes(text) || m.bodies.includes(text));
    if (found.length && found.length <= TEXT_MARKS) {
      state.messages = new Set(found.map((m) => m.i));
      state.breach = null;
      state.selected = null;
    }
  }
  filter();
  changed();
}
$('text').addEventListener('input', filterText);
for (const [id, key] of [['queue', 'queue'], ['kind', 'kind'], ['outcome', 'outcome'], ['lane', 'only']]) {
  $(id).addEventListener('change', () => { state[key] = $(id).value; filter(); remember(); });
}
$('filters').addEventListener('submit', (event) => event.preventDefault());

function fillSelect(id, values) {
  $(id).replaceChildren(element('option', { value: '' }, 'all'), ...values.map((v) => element('option', { value: v }, v)));
}

const act = (f) => () => { f(); remember(); refresh(); };
$('in').addEventListener('click', act(() => zoom(0.6, middle())));
$('out').addEventListener('click', act(() => zoom(1 / 0.6, middle())));
$('fit').addEventListener('click', act(fit));
$('clear').addEventListener('click', clear);
$('keys').addEventListener('click', () => {
  const help = $('help');
  help.hidden = !help.hidden;
  $('keys').setAttribute('aria-expanded', String(!help.hidden));
  refresh();
});
$('copy').addEventListener('click', () => {
  const range = document.createRange();
  range.selectNodeContents($('replay'));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  const done = () => { $('copy').textContent = 'Copied'; };
  if (navigator.clipboard) navigator.clipboard.writeText(data.replay).then(done, () => say('the command is selected: copy it'));
});

// A link holds the place in the picture: #from=..&to=..&op=..&rule=..&at=..&text=...
let remembering = 0;
function remember() {
  clearTimeout(remembering);
  remembering = setTimeout(() => {
    const place = new URLSearchParams();
    place.set('from', Math.round(view.from));
    place.set('to', Math.round(view.to));
    if (state.breach !== null) place.set('rule', state.breach);
    if (state.selected && state.selected.type === 'op') place.set('op', state.selected.i);
    if (state.at !== null) place.set('at', Math.round(state.at));
    for (const key of ['text', 'queue', 'kind', 'outcome', 'only']) if (state[key]) place.set(key, state[key]);
    try { history.replaceState(null, '', `#${place}`); } catch { /* a browser may not allow it for a file: the link is only a convenience */ }
  }, 300);
}
function recall() {
  const place = new URLSearchParams(location.hash.slice(1));
  const number = (key, below) => {
    const value = place.has(key) ? Number(place.get(key)) : NaN;
    return Number.isFinite(value) && value < below ? value : null;
  };
  for (const [key, id] of [['text', 'text'], ['queue', 'queue'], ['kind', 'kind'], ['outcome', 'outcome'], ['only', 'lane']]) {
    if (place.has(key)) { state[key] = place.get(key); $(id).value = state[key]; }
  }
  const rule = number('rule', breaches.length), op = number('op', ops.length);
  if (rule !== null && rule >= 0) selectBreach(rule);
  else if (op === null && breaches.length && !place.has('at') && !place.has('text')) selectBreach(0, SURROUNDINGS);
  if (op !== null && op >= 0) { select(ops[op], { keep: rule !== null }); reveal(ops[op]); }
  const at = number('at', Infinity);
  if (at !== null) state.at = Math.min(Math.max(0, at), data.end);
  const from = number('from', Infinity), to = number('to', Infinity);
  if (from !== null && to !== null && to > from) show(from, to);
}

function start() {
  readColours();
  const verdict = $('verdict');
  verdict.textContent = data.verdict;
  if (data.verdict === 'pass') verdict.classList.add('pass');
  $('title').title = `event hash ${data.hash}`;
  $('replay').textContent = data.replay;
  if (data.pictured) {
    $('porcupine').textContent = `porcupine: ${data.pictured}`;
    $('porcupine').hidden = false;
  }
  $('breaches').replaceChildren(...breaches.map((b, i) => element('button', { type: 'button', 'aria-pressed': 'false', title: b.text.slice(0, 600), onclick: () => selectBreach(i) },
    `${seconds(b.at)}  ${b.rule}: ${b.text.length > 160 ? `${b.text.slice(0, 160)}…` : b.text}`)));
  fillSelect('queue', LIST.queue);
  fillSelect('kind', LIST.kind);
  fillSelect('outcome', LIST.outcome);
  fillSelect('lane', allLanes.map((lane) => lane.name));
  drawLegend();
  fit();
  filter();
  recall();
  filter();
  changed();
  new ResizeObserver(refresh).observe($('scroll'));
  lanesCanvas.addEventListener('focus', refresh);
  lanesCanvas.addEventListener('blur', refresh);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { readColours(); drawLegend(); changed(); });
  document.documentElement.dataset.ready = 'yes';
}
start();
