'use strict';
// The data as objects, and questions about it. Times are microseconds of the run.

const data = JSON.parse(document.getElementById('data').textContent);

// named makes objects of arrays whose places have these names; i is the place in the list.
function named(rows, ...names) {
  return rows.map((row, i) => {
    const thing = { i };
    names.forEach((name, k) => { thing[name] = row[k]; });
    return thing;
  });
}

const hosts = named(data.hosts, 'name', 'role', 'zone');
const lives = named(data.lives, 'host', 'number', 'from', 'to', 'ended', 'crashed');
const reigns = named(data.reigns, 'host', 'group', 'term', 'from', 'to', 'believed', 'known', 'why');
const holds = named(data.holds, 'host', 'from', 'to');
const spans = named(data.spans, 'kind', 'text', 'says', 'from', 'to', 'on', 'and', 'rest', 'reach', 'stays');
const notes = named(data.notes, 'at', 'kind', 'text', 'hosts');
const breaches = named(data.breaches, 'rule', 'plain', 'text', 'at', 'from', 'to', 'ops', 'messages');
const messages = named(data.messages, 'ids', 'bodies');
const threads = named(data.threads, 'name', 'host');
const ops = named(data.ops, 'thread', 'kind', 'queue', 'from', 'took', 'outcome', 'error', 'tries', 'batch', 'subjects', 'details');

const Rest = { none: 0, and: 1, on: 2 };
const Reach = { all: 0, none: 1, back: 2, ring: 3, still: 4 };
const PAIRED = new Set(['cut', 'cut-one-way', 'zone-outage', 'reset', 'half-open', 'one-way-close', 'lag', 'clog', 'no-peer']);
const CATEGORY = {
  cut: 'network', 'cut-one-way': 'network', ring: 'network', 'zone-outage': 'network', reset: 'network', 'half-open': 'network',
  'one-way-close': 'network', lag: 'network', clog: 'network', 'no-peer': 'network', 'stale-vip': 'network',
  'fsync-error': 'disk', 'write-error': 'disk', 'slow-disk': 'disk', 'hung-disk': 'disk', 'full-disk': 'disk', 'bit-rot': 'disk',
  'misdirected-write': 'disk', 'stale-read': 'disk', 'lying-disk': 'disk', 'wall-jump': 'clock', 'clock-drift': 'clock',
};
const categoryOf = (span) => CATEGORY[span.kind] || (span.text.startsWith('bit rot') ? 'disk' : 'process');

for (const op of ops) {
  op.type = 'op';
  op.to = op.from + op.took;
  op.kind = data.kinds[op.kind];
  op.outcome = data.outcomes[op.outcome];
  op.queueName = data.queues[op.queue];
  op.error = data.texts[op.error];
  op.details = data.texts[op.details];
  op.subjects = named(op.subjects, 'message', 'count', 'handle', 'damaged', 'copy');
  op.slice = 0;
  op.slices = 1;
}
for (const [type, list] of [['life', lives], ['reign', reigns], ['hold', holds], ['span', spans], ['note', notes], ['breach', breaches]]) {
  for (const thing of list) thing.type = type;
}
for (const note of notes) { note.from = note.at; note.to = note.at; }

// The entries of a batch share the height of their lane.
{
  const batches = new Map();
  for (const op of ops) {
    if (!op.batch) continue;
    if (!batches.has(op.batch)) batches.set(op.batch, []);
    batches.get(op.batch).push(op);
  }
  for (const list of batches.values()) list.forEach((op, k) => { op.slice = k; op.slices = list.length; });
}

const messageOps = messages.map(() => []);
for (const op of ops) {
  for (const message of new Set(op.subjects.map((s) => s.message))) messageOps[message].push(op);
}
const breachOps = breaches.map((b) => new Set(b.ops));

function messageTitle(i) {
  const m = messages[i];
  const body = m.bodies.length ? m.bodies[0] : '';
  return body && m.ids.length ? `${body} (${m.ids[0]})` : body || m.ids[0] || 'a message without a name';
}
const messageShort = (i) => messages[i].bodies[0] || messages[i].ids[0] || '';

const KIND_VERB = { send: 'send', receive: 'receive', delete: 'delete', 'change-visibility': 'visibility', 'create-queue': 'create queue', 'delete-queue': 'delete queue', 'purge-queue': 'purge', 'set-attributes': 'set attributes', 'get-attributes': 'get attributes' };
const verb = (op) => KIND_VERB[op.kind] || op.kind;

function opTitle(op) {
  if (op.kind === 'receive') {
    if (!op.subjects.length) return `receive: ${op.outcome === 'ok' ? 'nothing' : op.outcome}`;
    if (op.subjects.length > 1) return `receive ${op.subjects.length} messages`;
  }
  return op.subjects.length ? `${verb(op)} ${messageShort(op.subjects[0].message)}` : verb(op);
}

const isEmptyReceive = (op) => op.kind === 'receive' && op.outcome === 'ok' && !op.subjects.length;

function seconds(us, digits = 3) { return `${(us / 1e6).toFixed(digits)} s`; }
function lasting(us) {
  if (us < 1000) return `${us} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 2 : 1)} ms`;
  return seconds(us);
}

const covers = (thing, at) => thing.from <= at && at <= thing.to && (at < thing.to || thing.to >= data.end || thing.from === thing.to);

// lifeAt returns what a host's program is at a moment: a life, or undefined if it does not run.
const lifeAt = (host, at) => lives.find((l) => l.host === host && covers(l, at));
const everRan = (host, at) => lives.some((l) => l.host === host && l.from <= at);
const stoodStill = (host, at) => spans.some((s) => s.reach === Reach.still && s.to > s.from && covers(s, at) && s.on.includes(host));

// cutBy returns the faults that keep packets from one host from another at a moment.
function cutBy(from, to, at) {
  return spans.filter((s) => {
    if (s.to <= s.from || !covers(s, at)) return false;
    const there = s.on.includes(from) && s.and.includes(to);
    switch (s.reach) {
      case Reach.none: return there || (s.on.includes(to) && s.and.includes(from));
      case Reach.back: return there;
      case Reach.ring: {
        const a = s.on.indexOf(from), b = s.on.indexOf(to), n = s.on.length;
        return a >= 0 && b >= 0 && a !== b && (a + 1) % n !== b && (b + 1) % n !== a;
      }
      default: return false;
    }
  });
}
