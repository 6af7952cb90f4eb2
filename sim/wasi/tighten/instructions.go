package tighten

import (
	"encoding/binary"
)

// Opcodes, by the WebAssembly specification.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opFirstMemory  = 0x28 // loads and stores
	opI64Load8U    = 0x31
	opI64Load16U   = 0x33
	opI64Load32U   = 0x35
	opI64Store     = 0x37
	opLastMemory   = 0x3e
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Eqz       = 0x45
	opI32Eq        = 0x46
	opI32GeU       = 0x4f
	opI64Eqz       = 0x50
	opI64Eq        = 0x51
	opI64Ne        = 0x52
	opI64GeU       = 0x5a
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI64Add       = 0x7c
	opI64And       = 0x83
	opI32WrapI64   = 0xa7
	opI64ExtendU   = 0xad // i64.extend_i32_u
	opLastPlain    = 0xc4
	opPrefix       = 0xfc

	opMemoryCopy  = 10 // behind opPrefix
	opMemoryFill  = 11
	opLastTruncOf = 7

	typeVoid = 0x40
)

// instruction is one instruction of a function.
type instruction struct {
	op byte
	// value is a constant, a branch's depth, or the index of a local, a global or a function.
	value int64
	// code is the whole instruction; nil for one that was made here, which append writes.
	code []byte
}

// append appends the instruction's code.
func (i instruction) append(b []byte) []byte {
	if i.code != nil {
		return append(b, i.code...)
	}
	b = append(b, i.op)
	switch i.op {
	case opBlock, opIf:
		return append(b, typeVoid)
	case opBr, opBrIf, opLocalGet:
		return binary.AppendUvarint(b, uint64(i.value))
	case opI32Const, opI64Const:
		return appendInt64(b, i.value)
	default:
		return b
	}
}

// function is a function taken apart.
type function struct {
	locals       []byte // their declarations
	instructions []instruction
	table        []uint32 // depths of the first br_table, the default last; nil if there is none
	tableAt      int      // where that is in instructions
}

// parse takes a function apart, into the memory of f, which may be an earlier one's. It returns false if the function
// contains what Go does not write.
func (f *function) parse(body []byte) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if r != any(errMalformed) {
				panic(r)
			}
			ok = false
		}
	}()
	*f = function{instructions: f.instructions[:0]}
	r := &reader{bytes: body}
	for range r.uint32() {
		r.uint32()
		r.byte()
	}
	f.locals = body[:r.at]
	for r.more() {
		start := r.at
		i := instruction{op: r.byte()}
		switch op := i.op; {
		case op == opBlock || op == opLoop || op == opIf:
			i.value = int64(r.byte())
			if i.value < typeVoid { // the number of a type
				return false
			}
		case op == opBr || op == opBrIf || op == opCall || op >= opLocalGet && op <= opGlobalSet:
			i.value = int64(r.uint32())
		case op == opBrTable:
			if f.table != nil {
				return false
			}
			f.tableAt = len(f.instructions)
			for range r.uint32() {
				f.table = append(f.table, r.uint32())
			}
			f.table = append(f.table, r.uint32())
		case op == opCallIndirect:
			r.uint32()
			r.uint32()
		case op >= opFirstMemory && op <= opLastMemory:
			r.uint32()
			i.value = int64(r.uint32())
		case op == opMemorySize || op == opMemoryGrow:
			r.byte()
		case op == opI32Const || op == opI64Const:
			i.value = r.int64()
		case op == opF32Const:
			r.take(4)
		case op == opF64Const:
			r.take(8)
		case op == opPrefix:
			switch sub := r.uint32(); {
			case sub <= opLastTruncOf:
			case sub == opMemoryCopy:
				r.take(2)
			case sub == opMemoryFill:
				r.take(1)
			default:
				return false
			}
		case op == opUnreachable, op == opNop, op == opElse, op == opEnd, op == opReturn, op == opDrop, op == opSelect,
			op >= opI32Eqz && op <= opLastPlain:
		default:
			return false
		}
		i.code = body[start:r.at]
		f.instructions = append(f.instructions, i)
	}
	return true
}
