// The panel beside the picture: what is selected, the story of its message, and how things stood at that moment.

// element makes an element; texts become text nodes, never markup.
function element(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === 'onclick') e.addEventListener('click', value);
    else if (value !== undefined && value !== null && value !== false) e.setAttribute(key, value === true ? '' : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined && child !== '') e.append(child);
  return e;
}

function pairs(...rows) {
  const list = element('dl', { class: 'pairs' });
  for (const [name, value] of rows) {
    if (value === '' || value === null || value === undefined) continue;
    list.append(element('dt', {}, name), element('dd', {}, value));
  }
  return list;
}

const timeOf = (thing) => (thing.to > thing.from ? `${seconds(thing.from)} to ${seconds(thing.to)} (${lasting(thing.to - thing.from)})` : seconds(thing.from));
const hostNames = (list) => list.map((h) => hosts[h].name).join(', ');

// Tips: what is shown beside the pointer.
function tipOf(thing) {
  switch (thing.type) {
    case 'op': return [`${threads[thing.thread].name}: ${opTitle(thing)}`, `${thing.queueName}, ${thing.outcome}${thing.error ? `: ${thing.error}` : ''}`,
      timeOf(thing), thing.tries > 1 ? `${thing.tries} tries` : '', thing.details].filter(Boolean).join('\n');
    case 'life': return `${hosts[thing.host].name}, start ${thing.number}\n${timeOf(thing)}${thing.ended ? `\n${thing.ended}` : ''}`;
    case 'reign': return `${hosts[thing.host].name} leads ${data.groups[thing.group]} in term ${thing.term}\n${timeOf(thing)}${thing.why ? `\nuntil ${thing.why}` : ''}`
      + (thing.believed > thing.to ? `\n${thing.known ? 'believed so' : 'may have believed so'} until ${seconds(thing.believed)}` : '');
    case 'hold': return `${hosts[thing.host].name} holds the virtual IP\n${timeOf(thing)}`;
    case 'span': return `${thing.text}\n${thing.says}\n${timeOf(thing)}`;
    case 'note': return `${seconds(thing.at)}\n${thing.text}`;
    default: return '';
  }
}

function describe(thing) {
  switch (thing.type) {
    case 'op': return describeOp(thing);
    case 'breach': return [
      element('h2', {}, `Broken: ${thing.rule}`), element('p', {}, thing.plain), element('p', {}, thing.text),
      pairs(['certain at', seconds(thing.at)], ['operations', thing.ops.length ? `${thing.ops.length}, ${timeOf(thing)}` : '']),
    ];
    case 'life': return [element('h2', {}, `${hosts[thing.host].name}, start ${thing.number}`), pairs(['ran', timeOf(thing)], ['ended', thing.ended || 'it did not'])];
    case 'reign': return [
      element('h2', {}, `${hosts[thing.host].name} leads ${data.groups[thing.group]}`),
      pairs(['term', String(thing.term)], ['time', timeOf(thing)], ['until', thing.why],
        [thing.known ? 'believed it' : 'may have believed it', thing.believed > thing.to ? `until ${seconds(thing.believed)}` : '']),
    ];
    case 'hold': return [element('h2', {}, `${hosts[thing.host].name} holds the virtual IP`), pairs(['time', timeOf(thing)])];
    case 'span': return [
      element('h2', {}, `Fault: ${thing.text}`), element('p', {}, thing.says),
      pairs(['time', timeOf(thing)], ['on', thing.rest === Rest.on ? 'everybody else' : hostNames(thing.on)], ['other side', thing.rest === Rest.and ? 'everybody else' : hostNames(thing.and)],
        ['', thing.stays ? 'It stays when the other faults are lifted.' : '']),
    ];
    default: return [element('h2', {}, thing.kind), element('p', { class: 'mono' }, thing.text), pairs(['time', seconds(thing.at)], ['host', hostNames(thing.hosts)])];
  }
}

function describeOp(op) {
  const parts = [
    element('h2', {}, `${verb(op)}, operation ${op.i}`),
    pairs(['thread', threads[op.thread].name + (threads[op.thread].host >= 0 ? ` on ${hosts[threads[op.thread].host].name}` : '')], ['queue', op.queueName],
      ['time', timeOf(op)], ['outcome', op.outcome + (op.error ? `: ${op.error}` : '')], ['tries', op.tries > 1 ? String(op.tries) : ''],
      ['batch', op.batch ? `${op.batch}, entry ${op.slice + 1} of ${op.slices}` : ''], ['', op.details],
      ['handle', op.kind !== 'receive' && op.subjects.length && op.subjects[0].handle ? `number ${op.subjects[0].handle}` : '']),
  ];
  if (op.kind === 'receive' && op.subjects.length > 1) {
    parts.push(element('ul', { class: 'rows' }, op.subjects.map((s) => element('li', {}, element('button', {
      type: 'button', 'aria-pressed': String(state.messages.has(s.message)), onclick: () => lookAt(op, s.message),
    }, `${messageTitle(s.message)}${s.count ? `, receive count ${s.count}` : ''}`)))));
  }
  return parts;
}

// messageStory lists all operations on a message.
function messageStory(message) {
  const m = messages[message];
  const list = element('ul', { class: 'rows' });
  messageOps[message].slice(0, STORY_MAX).forEach((op, k) => {
    const s = op.subjects.find((x) => x.message === message);
    const key = state.breach !== null && breachOps[state.breach].has(op.i);
    const text = `${verb(op)} by ${threads[op.thread].name}: ${op.outcome}${op.error ? ` (${op.error})` : ''}`
      + `${s.copy ? `, copy ${s.copy}` : ''}${s.count ? `, receive count ${s.count}` : ''}${s.handle ? `, handle ${s.handle}` : ''}${s.damaged ? ', damaged' : ''}${op.tries > 1 ? `, ${op.tries} tries` : ''}`;
    list.append(element('li', {}, element('button', {
      type: 'button', style: `border-left-color: ${opColour(op)}`, 'aria-pressed': String(state.selected === op), onclick: () => { select(op, { keep: true }); reveal(op); },
    }, element('span', { class: 'when' }, `${k + 1}. ${seconds(op.from)} to ${seconds(op.to)}`), element('span', { class: key ? 'key' : '' }, text))));
  });
  const parts = [element('h2', {}, `Message ${messageShort(message)}`), element('p', { class: 'soft' }, m.ids.length ? m.ids.length > 1 ? `Copies: ${m.ids.map((id, k) => `${k + 1}. ${id}`).join(', ')}` : `MessageID ${m.ids[0]}` : 'no MessageID is known')];
  if (m.bodies.length > 1) parts.push(element('p', { class: 'soft' }, `bodies: ${m.bodies.join(', ')}`));
  parts.push(list);
  if (messageOps[message].length > STORY_MAX) parts.push(element('p', { class: 'soft' }, `and ${messageOps[message].length - STORY_MAX} more operations`));
  return parts;
}
const STORY_MAX = 60, MESSAGES_TOLD = 4;

// standing tells how things stood at a moment.
function standing(at) {
  const parts = [element('h2', {}, `At ${seconds(at)}`)];
  const servers = hosts.filter((h) => h.role !== 'client');
  const down = servers.filter((h) => everRan(h.i, at) && !lifeAt(h.i, at));
  const still = servers.filter((h) => stoodStill(h.i, at));
  const fresh = servers.filter((h) => !everRan(h.i, at));
  const leaders = data.groups.map((name, group) => {
    const now = reigns.filter((r) => r.group === group && covers(r, at)).map((r) => `${hosts[r.host].name} (term ${r.term})`);
    const past = reigns.filter((r) => r.group === group && r.to <= at && at < r.believed).map((r) => `${hosts[r.host].name} ${r.known ? 'believes so too' : 'may believe so too'} (term ${r.term})`);
    return [name, [...now, ...past].join('; ') || 'nobody'];
  });
  const holders = holds.filter((h) => covers(h, at)).map((h) => hosts[h.host].name);
  parts.push(pairs(['down', down.map((h) => h.name).join(', ') || 'none'], ['stand still', still.map((h) => h.name).join(', ')],
    ['not started yet', fresh.map((h) => h.name).join(', ')], ...leaders, ['virtual IP', holds.length ? holders.join(' and ') || 'nobody' : '']));
  const active = spans.filter((s) => s.to > s.from && covers(s, at));
  if (active.length) {
    parts.push(element('ul', { class: 'rows' }, active.map((s) => element('li', {}, element('button', {
      type: 'button', style: `border-left-color: ${colour[categoryOf(s)]}`, onclick: () => select(s, {}),
    }, s.text)))));
  }
  parts.push(element('h2', {}, 'Who reaches whom'), matrix(at));
  return parts;
}

const shortName = (h) => h.name;

// matrix shows for every pair of hosts whether packets from the one on the left reach the one on top.
function matrix(at) {
  const gone = hosts.map((h) => !lifeAt(h.i, at) || stoodStill(h.i, at));
  const head = element('tr', {}, element('th', {}, 'from \\ to'), hosts.map((h) => element('th', { scope: 'col', class: gone[h.i] ? 'bad' : null }, element('div', {}, shortName(h)))));
  const table = element('table', { class: 'reach' }, element('thead', {}, head));
  const body = element('tbody', {});
  let cuts = 0;
  for (const from of hosts) {
    const row = element('tr', {}, element('th', { scope: 'row', class: gone[from.i] ? 'bad' : null }, shortName(from)));
    for (const to of hosts) {
      const cell = element('td', {});
      if (from === to) cell.className = 'self';
      else {
        const by = cutBy(from.i, to.i, at);
        if (by.length) {
          cuts++;
          cell.className = 'cut';
          cell.textContent = '×';
          cell.title = `${from.name} does not reach ${to.name}: ${by.map((s) => s.text).join('; ')}`;
        } else if (gone[from.i] || gone[to.i]) {
          cell.className = 'gone';
          cell.title = `${gone[from.i] ? from.name : to.name} does not run`;
        } else cell.title = `${from.name} reaches ${to.name}`;
      }
      row.append(cell);
    }
    body.append(row);
  }
  table.append(body);
  table.setAttribute('aria-label', cuts ? `${cuts} directions between hosts are cut` : 'no direction between hosts is cut');
  return table;
}

let openStory = false;

function drawPanel() {
  const parts = [];
  if (state.selected) parts.push(...describe(state.selected));
  else if (!breaches.length) parts.push(element('h2', {}, 'No rule was broken'), element('p', { class: 'soft' }, 'Click on anything in the picture.'));
  const told = [...state.messages];
  for (const message of told.slice(0, MESSAGES_TOLD)) parts.push(...messageStory(message));
  if (told.length > MESSAGES_TOLD) parts.push(element('p', { class: 'soft' }, `and ${told.length - MESSAGES_TOLD} more messages`));
  if (!told.length && state.selected && state.selected.type === 'breach' && state.selected.ops.length) parts.push(...breachList(state.selected));
  if (state.at !== null) parts.push(...standing(state.at));
  const story = element('details', { open: openStory || undefined }, element('summary', {}, 'The story'), element('pre', { class: 'story' }, data.story));
  story.addEventListener('toggle', () => { openStory = story.open; });
  parts.push(story);
  if (data.storyCut) parts.push(element('p', { class: 'soft' }, `The run had more to tell: ${data.storyCut} lines about hosts and faults are missing at its end.`));
  $('details').replaceChildren(...parts);
}

function breachList(b) {
  return [element('h2', {}, 'Its operations'), element('ul', { class: 'rows' }, b.ops.slice(0, STORY_MAX).map((i) => element('li', {}, element('button', {
    type: 'button', style: `border-left-color: ${opColour(ops[i])}`, onclick: () => { select(ops[i], { keep: true }); reveal(ops[i]); },
  }, element('span', { class: 'when' }, seconds(ops[i].from)), `${threads[ops[i].thread].name}: ${opTitle(ops[i])}, ${ops[i].outcome}`))))];
}

function drawLegend() {
  const swatch = (css) => element('i', { style: `display:inline-block;width:16px;height:11px;border-radius:2px;${css}`, 'aria-hidden': 'true' });
  const stripes = (name) => `background:repeating-linear-gradient(45deg, var(--${name}) 0 2px, transparent 2px 5px);`;
  const items = [
    ['background:var(--send)', 'send'], ['background:var(--receive)', 'receive'], ['background:linear-gradient(transparent 40%, var(--empty) 40% 60%, transparent 60%)', 'empty receive'],
    ['background:var(--delete)', 'delete'], ['background:var(--other)', 'other operations'], ['background:var(--failed)', 'failed'],
    [`${stripes('unknown')}border-left:3px solid var(--unknown)`, 'outcome unknown'],
    ['background:var(--life);border-left:2px solid var(--life-edge)', 'up (an edge: it started)'], [`${stripes('down')}`, 'down'],
    [`background:${groupColour(0)}`, 'leads a group (striped: may still believe it)'], ['background:var(--vip)', 'virtual IP'],
    ['background:var(--network)', 'network fault'], ['background:var(--process)', 'process'], ['background:var(--disk)', 'disk'], ['background:var(--clock)', 'clock'],
    ['width:0;height:0;border:6px solid transparent;border-top:0;border-bottom-color:var(--warning);border-radius:0', 'warning'],
    ['width:0;height:0;border:6px solid transparent;border-top:0;border-bottom-color:var(--error);border-radius:0', 'error'],
    ['width:2px;background:var(--breach)', 'broken rule'], ['background:none;border:2px solid var(--chosen)', 'looked at'],
  ];
  $('legend').replaceChildren(...items.map(([css, text]) => element('span', {}, swatch(css), text)));
}
