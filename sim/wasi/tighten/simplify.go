package tighten

// simplified is a sequence of instructions to which each new one is added in its simplest form: where the last ones and
// the new one together do what fewer or cheaper ones do, those take their place. Only neighbours are looked at, so nothing
// can jump in between.
type simplified []instruction

// last returns the n-th instruction from the end, counted from 1; the zero instruction if there are fewer.
func (s simplified) last(n int) instruction {
	if n > len(s) {
		return instruction{}
	}
	return s[len(s)-n]
}

// replace puts instructions in the place of the last n.
func (s *simplified) replace(n int, with ...instruction) {
	*s = (*s)[:len(*s)-n]
	for _, i := range with {
		s.add(i)
	}
}

// dropIf removes an "if" that was added last; its condition stays.
func (s *simplified) dropIf() { s.replace(1) }

// add adds an instruction.
func (s *simplified) add(i instruction) {
	a, b, c := s.last(1), s.last(2), s.last(3)
	switch i.op {
	case opI64Eqz:
		if a.op == opI64ExtendU { // of a 32-bit value, often a truth value
			s.replace(1, instruction{op: opI32Eqz})
			return
		}
	case opI32Eqz:
		if opposite, ok := oppositeOf(a.op); ok {
			s.replace(1, instruction{op: opposite})
			return
		}
		if a.op == opI64Eqz {
			s.replace(1, instruction{op: opI64Const}, instruction{op: opI64Ne})
			return
		}
	case opBrIf, opIf:
		if a.op == opI32Eqz && b.op == opI32Eqz {
			s.replace(2, i)
			return
		}
	case opI32WrapI64:
		switch {
		case a.op == opI64ExtendU:
			s.replace(1)
			return
		case a.op == opI64Add && b.op == opI64Const && c.op == opI64ExtendU:
			s.replace(3, instruction{op: opI32Const, value: int64(int32(b.value))}, instruction{op: opI32Add})
			return
		}
	case opI64And:
		if a.op == opI64Const && fits(b, c, a.value) {
			s.replace(1) // the mask keeps every bit that can be set
			return
		}
	}
	*s = append(*s, i)
}

// oppositeOf returns the comparison of integers that is true when op is false. They come in pairs, but for equality:
// eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u.
func oppositeOf(op byte) (opposite byte, ok bool) {
	opposites := [...]byte{1, 0, 8, 9, 6, 7, 4, 5, 2, 3}
	switch {
	case op >= opI32Eq && op <= opI32GeU:
		return opI32Eq + opposites[op-opI32Eq], true
	case op >= opI64Eq && op <= opI64GeU:
		return opI64Eq + opposites[op-opI64Eq], true
	default:
		return 0, false
	}
}

// fits tells whether a 64-bit value can only have bits that are in mask. The value is what the instruction "of" leaves;
// "before" is the one before that.
func fits(of, before instruction, mask int64) bool {
	var bits int64
	switch of.op {
	case opI64Load8U:
		bits = 1<<8 - 1
	case opI64Load16U:
		bits = 1<<16 - 1
	case opI64Load32U, opI64ExtendU:
		bits = 1<<32 - 1
	case opI64And:
		if before.op != opI64Const {
			return false
		}
		bits = before.value
	default:
		return false
	}
	return bits&^mask == 0
}
