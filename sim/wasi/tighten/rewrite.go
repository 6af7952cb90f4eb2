package tighten

import "encoding/binary"

// rewriter rewrites one function after the other. It keeps the memory that takes.
type rewriter struct {
	known   landmarks
	parsed  function
	written simplified
}

// function returns the body of a function that does the same. number is the function's, imports not counted.
func (r *rewriter) function(body []byte, number int) []byte {
	f, out := &r.parsed, &r.written
	if !f.parse(body) {
		return body
	}
	*out = (*out)[:0]
	if d, ok := findDispatcher(f, number, r.known); ok && d.analyse() {
		d.rewrite(out)
	} else {
		for at := 0; at < len(f.instructions); at++ {
			if further := out.addCold(f.instructions[at:], &r.known); further > 0 {
				at += further
				continue
			}
			out.add(f.instructions[at])
		}
	}
	code := append(make([]byte, 0, len(body)+16), f.locals...)
	for _, i := range *out {
		code = i.append(code)
	}
	return code
}

// rewrite writes the function anew. Its shape is
//
//	loop
//	  block                           "lost": for places that were taken out of the table
//	    block block ...               the labels that are of use
//	      table
//	    end  code of segment 0 ...
//	    end  code of a later segment ...
//	    unreachable
//	  end
//	end  unreachable
func (d *dispatcher) rewrite(out *simplified) {
	list := d.instructions
	for _, i := range list[:d.loopAt+1] {
		out.add(i)
	}
	out.add(instruction{op: opBlock})
	for range d.rank[d.labels] {
		out.add(instruction{op: opBlock})
	}
	d.writeTable(out)
	p := position{depth: 1 + d.labels, segment: -1}
	at := d.tableAt + 1
	for ; at < len(list); at++ {
		i := list[at]
		if j, ok := d.jumps[at]; ok && j.forward {
			at += d.writeJump(out, j, &p)
			continue
		}
		if further := out.addCold(list[at:], &d.known); further > 0 {
			at += further
			continue
		}
		before := p
		d.step(&p, i)
		switch {
		case p.segment > before.segment && !d.used[p.segment]:
			continue // the end of a label that is of no use
		case p.depth == 0:
			out.add(instruction{op: opUnreachable})
			out.add(instruction{op: opEnd}) // of "lost"
		case (i.op == opBr || i.op == opBrIf) && int(i.value) >= before.depth-1:
			i = instruction{op: i.op, value: i.value + int64(d.depth(before)-before.depth)}
		}
		out.add(i)
		if p.depth == 0 {
			break
		}
	}
	for _, i := range list[at+1:] {
		out.add(i)
	}
}

// depth is the depth of a position in what is written: the loop, "lost", the labels of use that have not ended, and what
// is nested in the segment.
func (d *dispatcher) depth(p position) int {
	return 2 + d.open(p.segment) + p.depth - d.around(p.segment)
}

// open counts the labels of use that have not ended in a segment.
func (d *dispatcher) open(segment int) int { return d.rank[d.labels] - d.rank[segment+1] }

// writeTable writes the jump to where PC_B says: a plain branch for 0, as in every call, and a table for the rest. It
// writes nothing if there is but one place to go to, which then is the code that follows.
func (d *dispatcher) writeTable(out *simplified) {
	first := d.rank[d.table[0]]
	lost := d.rank[d.labels]
	elsewhere := false
	code := binary.AppendUvarint([]byte{opBrTable}, uint64(len(d.table)-1))
	for place, needed := range d.entries {
		target := lost
		if needed && place > 0 {
			target = d.rank[d.table[place]]
			elsewhere = elsewhere || target != first
		}
		code = binary.AppendUvarint(code, uint64(target+1)) // out of the "if"
	}
	if !elsewhere && first == 0 {
		return
	}
	out.add(instruction{op: opLocalGet})
	out.add(instruction{op: opI32Eqz})
	out.add(instruction{op: opIf, value: typeVoid})
	out.add(instruction{op: opBr, value: int64(first) + 1})
	out.add(instruction{op: opElse})
	out.add(instruction{op: opLocalGet})
	out.add(instruction{op: opBrTable, code: code})
	out.add(instruction{op: opEnd})
}

// writeJump writes a jump forward, and returns how many further instructions it stands for.
func (d *dispatcher) writeJump(out *simplified, j jump, p *position) (further int) {
	depth := int64(j.nested + d.rank[j.label] - d.rank[j.segment+1])
	if !j.guarded {
		out.add(instruction{op: opBr, value: depth})
		return jumpInstructions - 1
	}
	out.dropIf()
	out.add(instruction{op: opBrIf, value: depth - 1})
	p.depth--
	return jumpInstructions
}
