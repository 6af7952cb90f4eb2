package tighten

// firstPC is the upper part of the address of a module's first function: an address is the function's number plus this,
// shifted by blockBits, plus the number of a block (cmd/link/internal/wasm, funcValueOffset).
const (
	firstPC   = 0x1000
	blockBits = 16
)

// dispatcher is the jump table of a function and the blocks it leads to. The blocks are numbered as in the table: label 0
// is the innermost, whose code comes first. "Segment n" is the code behind the end of label n; n is -1 before the table.
type dispatcher struct {
	*function
	loopAt int // the loop around everything
	labels int // blocks directly within the loop
	number int // of the function, imported ones not counted
	known  landmarks

	// entries says which places of the table may be asked for, used which labels are of any use; rank numbers those.
	entries []bool
	used    []bool
	rank    []int
	jumps   map[int]jump // by the place of their first instruction
}

// jump is a jump to another block: i32.const, local.set PC_B, br to the loop.
type jump struct {
	label   int
	segment int
	nested  int // blocks within the segment that it leaves
	forward bool
	// guarded: it is all there is in an "if".
	guarded bool
}

// jumpInstructions is the length of a jump.
const jumpInstructions = 3

// findDispatcher looks for the beginning of a function with jumps as Go writes it.
func findDispatcher(f *function, number int, known landmarks) (*dispatcher, bool) {
	d := &dispatcher{function: f, number: number, known: known, jumps: map[int]jump{}}
	if !f.asksForBlock() {
		return nil, false
	}
	at := f.tableAt - 2
	for ; at >= 0 && f.instructions[at].op == opBlock; at-- {
		d.labels++
	}
	if at < 0 || d.labels == 0 || f.instructions[at].op != opLoop {
		return nil, false
	}
	d.loopAt = at
	for _, label := range f.table {
		if int(label) >= d.labels {
			return nil, false
		}
	}
	return d, true
}

// asksForBlock tells whether the function's jump table is one for PC_B.
func (f *function) asksForBlock() bool {
	return f.table != nil && f.tableAt > 0 && f.instructions[f.tableAt-1].op == opLocalGet && f.instructions[f.tableAt-1].value == 0
}

// place returns the place of the table for a value of PC_B: the last one is for all that are too large.
func (d *dispatcher) place(block int64) int {
	if last := len(d.table) - 1; block < 0 || block > int64(last) {
		return last
	}
	return int(block)
}

// position follows control flow through the instructions.
type position struct {
	depth   int // of blocks, loops and ifs, the loop around everything included
	segment int
}

// step moves over an instruction behind the table.
func (d *dispatcher) step(p *position, i instruction) {
	switch i.op {
	case opBlock, opLoop, opIf:
		p.depth++
	case opEnd:
		if p.segment < d.labels-1 && p.depth == d.around(p.segment) {
			p.segment++
		}
		p.depth--
	}
}

// around is the depth of the code of a segment: the loop and the labels that have not ended.
func (d *dispatcher) around(segment int) int { return 1 + d.labels - 1 - segment }

// analyse finds the jumps and what of the table is needed. It returns false if something is not as Go writes it.
func (d *dispatcher) analyse() bool {
	d.entries = make([]bool, len(d.table))
	d.used = make([]bool, d.labels)
	d.entries[d.place(0)] = true
	if exit := d.known.goExit; exit < 0 || exit == int64(d.known.imported+d.number) {
		d.entries[d.place(1)] = true
	}
	p := position{depth: 1 + d.labels, segment: -1}
	for at := d.tableAt + 1; at < len(d.instructions); at++ {
		i := d.instructions[at]
		switch i.op {
		case opLocalGet:
			if i.value == 0 && !d.holdsAddress(at) {
				return false // something else wants to know PC_B
			}
		case opI64Const:
			d.needAddress(at, i.value)
		case opI32Const:
			if j, ok := d.jumpAt(at, p); ok {
				d.jumps[at] = j
				if j.forward {
					d.used[j.label] = true
				} else {
					d.entries[d.place(i.value)] = true
				}
			}
		case opBr, opBrIf:
			if leaves := p.depth - int(i.value); leaves > 1 && leaves <= d.around(p.segment) {
				return false // to a label, which Go never does
			}
		}
		if d.step(&p, i); p.depth == 0 {
			break // the end of the loop
		}
	}
	for block, needed := range d.entries {
		if needed {
			d.used[d.table[block]] = true
		}
	}
	d.rank = make([]int, d.labels+1)
	for label, used := range d.used {
		d.rank[label+1] = d.rank[label]
		if used {
			d.rank[label+1]++
		}
	}
	return true
}

// holdsAddress tells whether the local.get PC_B is that of an indirect call, which keeps the function's number in that
// local for a moment: local.set PC_B, i32.const 0, local.get PC_B, call_indirect.
func (d *dispatcher) holdsAddress(at int) bool {
	list := d.instructions
	return at >= 2 && at+1 < len(list) && list[at+1].op == opCallIndirect &&
		list[at-1].op == opI32Const && list[at-2].op == opLocalSet && list[at-2].value == 0
}

// needAddress marks a block whose address is a constant in this function: the one behind a call, to which the called
// function returns when it was stopped meanwhile. The runtime also jumps to calls of deferreturn themselves. What is
// behind a call of sigpanic is never reached: a recovered panic goes on at a deferreturn.
func (d *dispatcher) needAddress(at int, address int64) {
	if address>>blockBits != int64(d.number)+firstPC {
		return
	}
	block := address & (1<<blockBits - 1)
	for _, i := range d.instructions[at+1 : min(at+5, len(d.instructions))] {
		switch {
		case i.op != opCall:
		case i.value == d.known.signalPanic:
			return // it does not return
		case i.value == d.known.deferReturn || d.known.deferReturn < 0:
			d.entries[d.place(block-1)] = true
		}
	}
	d.entries[d.place(block)] = true
}

// jumpAt recognises a jump.
func (d *dispatcher) jumpAt(at int, p position) (j jump, ok bool) {
	list := d.instructions
	if at+jumpInstructions >= len(list) || list[at+1].op != opLocalSet || list[at+1].value != 0 ||
		list[at+2].op != opBr || int(list[at+2].value) != p.depth-1 {
		return j, false
	}
	j = jump{label: int(d.table[d.place(list[at].value)]), segment: p.segment, nested: p.depth - d.around(p.segment)}
	j.forward = j.label > j.segment
	j.guarded = list[at-1].op == opIf && list[at-1].value == typeVoid && list[at+jumpInstructions].op == opEnd
	return j, true
}
