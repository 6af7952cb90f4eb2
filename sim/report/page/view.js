// What is shown: the span of time, the lanes and where everything lies in them, what is selected and what passes the
// filters.

const GUTTER = 148; // width of the lanes' names
const AXIS = 22; // height of the time axis, below the overview
const view = { from: 0, to: data.end, width: 800, height: 400, top: 0 };
const state = {
  selected: null, // a thing: op, life, reign, hold, span, note, breach
  breach: null, // the one whose operations are marked
  messages: new Set(), // those whose operations are marked
  pinned: new Set(), // client threads that are shown above the hosts
  at: null, // the moment that the panel tells of
  lane: 0, // the one chosen by keys
  pointer: null, hover: null, brush: null,
  text: '', queue: '', kind: '', outcome: '', only: '',
};

const SPAN_MIN = 20; // microseconds that the view shows at least
const PAD = 0.02;
const laneLeft = () => GUTTER;
const laneWidth = () => Math.max(50, view.width - GUTTER - 8);
const xOf = (t) => GUTTER + ((t - view.from) / (view.to - view.from)) * laneWidth();
const tOf = (x) => view.from + ((x - GUTTER) / laneWidth()) * (view.to - view.from);

// show changes the span of time, within bounds.
function show(from, to) {
  const most = data.end * (1 + 2 * PAD);
  const length = Math.min(Math.max(to - from, SPAN_MIN), most);
  const middle = (from + to) / 2;
  let start = middle - length / 2;
  start = Math.min(Math.max(start, -data.end * PAD), data.end * (1 + PAD) - length);
  view.from = start;
  view.to = start + length;
}
const fit = () => show(-data.end * PAD, data.end * (1 + PAD));
function zoom(factor, at) {
  const share = (at - view.from) / (view.to - view.from);
  const length = Math.min(Math.max((view.to - view.from) * factor, SPAN_MIN), data.end * (1 + 2 * PAD));
  show(at - share * length, at + (1 - share) * length);
}
function pan(share) {
  const by = (view.to - view.from) * share;
  show(view.from + by, view.to + by);
}
function zoomTo(from, to) {
  const around = Math.max((to - from) * 0.15, 200);
  show(from - around, to + around);
}

// Lanes: one for each host, then one for each client thread.
const ROW = 13, ROW_GAP = 1, LANE_GAP = 7, OP_ROW = 16, HEADING = 20;
let lanes = [];
let contentHeight = 0;

// stack gives things that overlap in time rows of their own; minimum is a time that each takes at least.
function stack(things, from, to, minimum) {
  const ends = [];
  for (const thing of [...things].sort((a, b) => from(a) - from(b))) {
    let row = ends.findIndex((end) => end <= from(thing));
    if (row < 0) row = ends.length;
    ends[row] = Math.max(to(thing), from(thing) + minimum);
    thing.placed.row = row;
  }
  return ends.length;
}

function hostLane(host) {
  const lane = { host, name: host.name, things: [] };
  const put = (thing, part) => {
    const placed = { thing, part, row: 0 };
    lane.things.push(placed);
    return { placed, from: thing.from, to: part === 'role' && thing.type === 'reign' ? thing.believed : thing.to };
  };
  for (const life of lives) if (life.host === host.i) put(life, 'life');
  for (const note of notes) if (note.hosts.includes(host.i)) put(note, 'note');
  const roles = [...reigns.filter((r) => r.host === host.i), ...holds.filter((h) => h.host === host.i)].map((r) => put(r, 'role'));
  const faults = spans.filter((s) => touches(s, host.i)).map((s) => put(s, 'fault'));
  lane.roleRows = stack(roles, (r) => r.from, (r) => r.to, 0);
  lane.faultRows = stack(faults, (r) => r.from, (r) => r.to, data.end * 0.008);
  lane.height = ROW + (lane.roleRows + lane.faultRows) * (ROW + ROW_GAP) + LANE_GAP;
  return lane;
}

// touches tells whether a fault is drawn on a host's lane: not on everybody else's.
const touches = (span, host) => (span.rest !== Rest.on && span.on.includes(host)) || (span.rest !== Rest.and && span.and.includes(host));

function threadLane(thread) {
  const lane = { thread, name: thread.name, things: [], height: OP_ROW + 4 };
  for (const op of ops) if (op.thread === thread.i) lane.things.push({ thing: op, part: 'op', row: 0 });
  return lane;
}
const allLanes = [...hosts.map(hostLane), ...threads.map(threadLane)];

// layOut puts the lanes that pass the filter below one another, those of the threads that met a broken rule first: what
// they did and what the hosts did is to be seen at once.
function layOut() {
  const only = state.only;
  lanes = allLanes.filter((lane) => {
    if (!only) return true;
    if (lane.name === only) return true;
    if (!lane.thread) return false;
    const host = hosts.find((h) => h.name === only);
    return host !== undefined && (host.role !== 'client' || lane.thread.host === host.i);
  });
  const isPinned = (lane) => lane.thread !== undefined && state.pinned.has(lane.thread.i);
  lanes = [...lanes.filter(isPinned), ...lanes.filter((lane) => !isPinned(lane))];
  let y = 4;
  let part = '';
  for (const lane of lanes) {
    lane.heading = '';
    const mine = isPinned(lane) ? 'Threads that met it' : lane.host ? 'Hosts' : state.pinned.size ? 'Other threads' : 'Client threads';
    if (mine !== part) {
      lane.heading = mine;
      y += HEADING;
      part = mine;
    }
    lane.y = y;
    y += lane.height;
  }
  contentHeight = y + 12;
  state.lane = Math.min(state.lane, Math.max(0, lanes.length - 1));
}

// boxOf returns where a thing of a lane lies, in pixels of the content.
function boxOf(lane, placed) {
  const thing = placed.thing;
  const x = xOf(thing.from);
  const end = thing.type === 'reign' ? thing.believed : thing.to;
  let width = xOf(end) - x, y = lane.y, height = ROW;
  switch (placed.part) {
    case 'role': y += (ROW + ROW_GAP) * (1 + placed.row); break;
    case 'fault': y += (ROW + ROW_GAP) * (1 + lane.roleRows + placed.row); break;
    case 'op': height = OP_ROW / thing.slices; y += height * thing.slice; break;
    case 'note': y += ROW - 7; height = 8; break;
    default:
  }
  if (width < 1.5) width = 1.5;
  return { x, y, width, height };
}

// Filters.
const LIST = { queue: data.queues, kind: data.kinds, outcome: data.outcomes };
let shownOps = 0;

function opText(op) {
  if (op.text === undefined) {
    op.text = [threads[op.thread].name, op.queueName, op.kind, op.outcome, op.error, op.details,
      ...op.subjects.map((s) => `${messages[s.message].ids.join(' ')} ${messages[s.message].bodies.join(' ')}`)].join(' ').toLowerCase();
  }
  return op.text;
}

// thingText is what the text filter looks at in things of hosts.
function thingText(thing) {
  const names = (list) => list.map((h) => hosts[h].name).join(' ');
  switch (thing.type) {
    case 'reign': return `${hosts[thing.host].name} ${data.groups[thing.group]} term ${thing.term}`.toLowerCase();
    case 'hold': return `${hosts[thing.host].name} virtual ip vip`;
    case 'life': return `${hosts[thing.host].name} ${thing.ended}`.toLowerCase();
    case 'span': return `${names(thing.rest === Rest.on ? [] : thing.on)} ${names(thing.rest === Rest.and ? [] : thing.and)} ${thing.text}`.toLowerCase();
    case 'note': return `${names(thing.hosts)} ${thing.text}`.toLowerCase();
    default: return '';
  }
}

// applyFilters decides for everything whether it is shown, and marks the messages that the text names exactly.
function applyFilters() {
  const text = state.text.trim().toLowerCase();
  const opHits = ops.filter((op) => !text || opText(op).includes(text)).length;
  const things = [...lives, ...reigns, ...holds, ...spans, ...notes];
  const thingHits = text ? things.filter((thing) => thingText(thing).includes(text)).length : 0;
  shownOps = 0;
  for (const op of ops) {
    // A text that only hosts and faults have leaves the operations as they are.
    const textual = !text || (opHits === 0 && thingHits > 0) || opText(op).includes(text);
    op.hidden = !(textual && (!state.queue || op.queueName === state.queue) && (!state.kind || op.kind === state.kind)
      && (!state.outcome || op.outcome === state.outcome));
    if (!op.hidden) shownOps++;
  }
  for (const thing of things) thing.hidden = Boolean(text) && thingHits > 0 && !thingText(thing).includes(text);
}

// marked tells whether a thing belongs to what the reader looks at; nothing is marked if nothing is looked at, or no operation
// shows what is.
const marking = () => state.messages.size > 0 || (state.breach !== null && breachOps[state.breach].size > 0);
function marked(op) {
  if (state.breach !== null && breachOps[state.breach].has(op.i)) return true;
  return op.subjects.some((s) => state.messages.has(s.message));
}
// pin chooses the threads that are shown above the hosts.
const PINNED_MAX = 8;
function pin() {
  state.pinned = new Set([...new Set(markedOps().map((op) => op.thread))].slice(0, PINNED_MAX));
}

// markedOps are the operations on the messages looked at, in order of their calls.
function markedOps() {
  const found = new Set();
  for (const message of state.messages) for (const op of messageOps[message]) found.add(op);
  if (state.breach !== null) for (const i of breaches[state.breach].ops) found.add(ops[i]);
  return [...found].sort((a, b) => a.from - b.from || a.i - b.i);
}
