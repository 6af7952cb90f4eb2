package tighten

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mnemonics are the short names of instructions in these tests.
var mnemonics = map[string]byte{
	"unreachable": opUnreachable, "block": opBlock, "loop": opLoop, "if": opIf, "else": opElse, "end": opEnd, "br": opBr, "br_if": opBrIf,
	"table": opBrTable, "return": opReturn, "call": opCall, "get": opLocalGet, "set": opLocalSet, "i32": opI32Const,
	"i64": opI64Const, "eqz32": opI32Eqz, "eqz64": opI64Eqz, "ne64": opI64Ne, "eq64": opI64Eq, "lt32": opI32Eq + 2,
	"ge32": opI32Eq + 8, "gtu64": opI64Eq + 5, "leu64": opI64Eq + 7, "wrap": opI32WrapI64, "extend": opI64ExtendU,
	"add32": opI32Add, "sub32": opI32Sub, "tee": opLocalTee, "gget": opGlobalGet, "gset": opGlobalSet, "add64": opI64Add, "and64": opI64And, "load8": opI64Load8U, "load32": opI64Load32U, "store64": opI64Store,
}

// assemble turns text into the body of a function without locals. A number follows the instructions that have one; a
// table is followed by its depths and a point.
func assemble(t *testing.T, text string) []byte {
	t.Helper()
	body, words := []byte{0}, strings.Fields(text)
	next := func() int64 {
		v, err := strconv.ParseInt(words[0], 0, 64)
		require.NoError(t, err)
		words = words[1:]
		return v
	}
	for len(words) > 0 {
		op, ok := mnemonics[words[0]]
		require.True(t, ok, words[0])
		words = words[1:]
		body = append(body, op)
		switch op {
		case opBlock, opLoop, opIf:
			body = append(body, typeVoid)
		case opI32Const, opI64Const:
			body = appendInt64(body, next())
		case opBr, opBrIf, opCall, opLocalGet, opLocalSet, opLocalTee, opGlobalGet, opGlobalSet:
			body = binary.AppendUvarint(body, uint64(next()))
		case opI64Load8U, opI64Load32U, opI64Store:
			body = append(body, 0, 0)
		case opBrTable:
			var depths []byte
			for words[0] != "." {
				depths = binary.AppendUvarint(depths, uint64(next()))
			}
			words = words[1:]
			body = append(append(body, byte(len(depths)-1)), depths...)
		}
	}
	return body
}

// disassemble is the reverse of assemble.
func disassemble(t *testing.T, body []byte) string {
	t.Helper()
	names := map[byte]string{}
	for name, op := range mnemonics {
		names[op] = name
	}
	var f function
	require.True(t, f.parse(body))
	var words []string
	for _, i := range f.instructions {
		word := names[i.op]
		switch i.op {
		case opBr, opBrIf, opCall, opLocalGet, opLocalSet, opLocalTee, opGlobalGet, opGlobalSet, opI32Const, opI64Const:
			word += fmt.Sprint(" ", i.value)
		case opBrTable:
			for _, depth := range f.table {
				word += fmt.Sprint(" ", depth)
			}
			word += " ."
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// self is the number of the function in these tests, and address the address of its block 0.
const (
	self    = 5
	address = (firstPC + self) << blockBits
)

func TestFunctions(t *testing.T) {
	const deferReturn = 9
	behind := func(block int) string { return fmt.Sprint("i64 ", address+block, " store64 i32 0 ") }
	for _, test := range []struct{ name, body, want string }{
		{"jumps forward are branches; without calls there is one way in and no table",
			"loop block block block get 0 table 0 1 2 2 . end" +
				" get 1 eqz32 if i32 1 set 0 br 3 end i32 2 set 0 br 2" + // from segment 0 to 1, and to 2
				" end unreachable" +
				" end return end unreachable end",
			"loop block block block block end" +
				" get 1 eqz32 br_if 0 br 1" +
				" end unreachable" +
				" end return unreachable end end unreachable end"},
		{"a jump backward takes the table, which leads only there and to the beginning",
			"loop block block block get 0 table 0 1 2 2 . end return" +
				" end get 1 if i32 1 set 0 br 2 end return" +
				" end return end unreachable end",
			"loop block block block get 0 eqz32 if br 1 else get 0 table 3 2 3 3 . end end return" +
				" end get 1 if i32 1 set 0 br 2 end return" +
				" return unreachable end end unreachable end"},
		{"a function may go on behind a call; unwinding it leaves everything",
			"block loop block block block get 0 table 0 1 2 2 . end " + behind(2) + "call 7 br_if 4" +
				" end unreachable" +
				" end return end unreachable end unreachable end",
			"block loop block block block get 0 eqz32 if br 1 else get 0 table 3 3 2 3 . end end " + behind(2) + "call 7 br_if 4" +
				" unreachable" +
				" end return unreachable end end unreachable end unreachable end"},
		{"a call of deferreturn may be jumped to; one of another function may not",
			"loop block block block get 0 table 0 1 2 2 . end return end " + behind(2) + "call 9 br_if 1 end return end unreachable end",
			"loop block block block block get 0 eqz32 if br 1 else get 0 table 4 2 3 4 . end end return end " + behind(2) +
				"call 9 br_if 2 end return unreachable end end unreachable end"},
		{"jumps from within other blocks",
			"loop block block block get 0 table 0 1 2 2 . end" +
				" block get 1 if get 2 if i32 2 set 0 br 5 end i32 1 set 0 br 4 end end" +
				" end return end unreachable end unreachable end",
			"loop block block block block end" +
				" block get 1 if get 2 br_if 3 br 2 end end" +
				" end return end unreachable unreachable end end unreachable end"},
		{"what an indirect call leaves in PC_B for a moment is not asked for by others",
			"loop block block get 0 table 0 1 . end set 0 i32 0 get 0 i32 1 set 0 br 1 end unreachable end",
			"loop block block get 0 table 0 1 . end set 0 i32 0 get 0 i32 1 set 0 br 1 end unreachable end"},
		{"a table for something else", "block block get 1 table 0 1 . end end", "block block get 1 table 0 1 . end end"},
		{"two tables", "block get 0 table 0 . end block get 0 table 0 . end", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := rewriter{known: landmarks{deferReturn: deferReturn, goExit: 8}}
			body := assemble(t, test.body)
			got := r.function(body, self)
			if test.want == "" {
				require.Equal(t, body, got)
				return
			}
			require.Equal(t, test.want, disassemble(t, got))
		})
	}
}

// TestColdCalls: calls that never return move into an else; their addresses are of no use to the table.
func TestColdCalls(t *testing.T) {
	known := landmarks{deferReturn: 9, goExit: 8, signalPanic: 10, moreStack: 11, moreStackNoContext: -1}
	push := func(block, function int) string {
		return fmt.Sprint("get 1 i32 8 sub32 tee 1 gset 0 get 1 i64 ", address+block, " store64 i32 0 call ", function)
	}
	call := func(function int) string { return "if " + push(1, function) + " gget 0 set 1 br_if 5 end" }
	cold := func(function int) string { return "if else " + push(1, function) + " return end" }
	for _, test := range []struct{ name, body, want string }{
		{"of a nil pointer", "get 2 eqz64 " + call(10) + " return", "get 2 i64 0 ne64 " + cold(10) + " return"},
		{"for more stack", "get 1 get 2 lt32 " + call(11) + " return", "get 1 get 2 ge32 " + cold(11) + " return"},
		{"of a function that may return", "get 2 eqz64 " + call(12), "get 2 eqz64 " + call(12)},
		{"with something else", "get 2 eqz64 if unreachable " + push(1, 10) + " end", "get 2 eqz64 if unreachable " + push(1, 10) + " end"},
		{"behind a table", "loop block block block get 0 table 0 1 2 2 . end get 2 eqz64 " + call(10) +
			" i32 2 set 0 br 2 end unreachable end return end unreachable end",
			"loop block block block end get 2 i64 0 ne64 " + cold(10) +
				" br 0 unreachable end return unreachable end end unreachable end"},
	} {
		r := rewriter{known: known}
		got := disassemble(t, r.function(assemble(t, test.body), self))
		require.Equal(t, test.want, got, test.name)
	}
}

// TestGoExit: goroutines that have ended return to the second block of one function.
func TestGoExit(t *testing.T) {
	body := assemble(t, "loop block block get 0 table 0 1 1 . end unreachable end return end unreachable end")
	for _, test := range []struct {
		known landmarks
		table bool
	}{
		{landmarks{goExit: self}, true}, {landmarks{goExit: self + 1}, false}, {landmarks{imported: 1, goExit: self + 1}, true},
		{landmarks{goExit: -1}, true},
	} {
		r := rewriter{known: test.known}
		require.Equal(t, test.table, strings.Contains(disassemble(t, r.function(body, self)), "table 3 2 3 ."), "%+v", test)
	}
}

func TestSimplify(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{"get 1 get 2 lt32 eqz32", "get 1 get 2 ge32"},
		{"get 1 get 2 gtu64 eqz32", "get 1 get 2 leu64"},
		{"get 1 get 2 eq64 eqz32 eqz32", "get 1 get 2 eq64"},
		{"get 1 eqz64 eqz32", "get 1 i64 0 ne64"},
		{"get 1 eqz64 extend eqz64", "get 1 i64 0 ne64"},
		{"get 1 extend eqz64", "get 1 eqz32"},
		{"get 1 eqz32 eqz32 br_if 0", "get 1 br_if 0"},
		{"get 1 eqz32 eqz32 if end", "get 1 if end"},
		{"get 1 eqz32 eqz32 set 2", "get 1 eqz32 eqz32 set 2"}, // that makes 1 of any number
		{"get 1 extend wrap", "get 1"},
		{"get 1 extend i64 56 add64 wrap", "get 1 i32 56 add32"},
		{"get 1 extend i64 0x180000000 add64 wrap", "get 1 i32 -2147483648 add32"},
		{"get 1 i64 56 add64 wrap", "get 1 i64 56 add64 wrap"},
		{"get 1 load32 i64 0xffffffff and64", "get 1 load32"},
		{"get 1 load32 i64 0x7fffffff and64", "get 1 load32 i64 2147483647 and64"},
		{"get 1 load8 i64 0xff and64", "get 1 load8"},
		{"get 1 i64 4096 and64 i64 0xffffffff and64 eqz64", "get 1 i64 4096 and64 eqz64"},
		{"get 1 i64 -1 and64 i64 0xffffffff and64", "get 1 i64 -1 and64 i64 4294967295 and64"},
		{"get 1 get 2 and64 i64 0xffffffff and64", "get 1 get 2 and64 i64 4294967295 and64"},
		{"eqz32 end eqz32", "eqz32 end eqz32"},
	} {
		var r rewriter
		require.Equal(t, test.want, disassemble(t, r.function(assemble(t, test.body), 0)), "%s", test.body)
	}
}

func TestNumbers(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 63, 64, -64, -65, 1 << 31, -1 << 31, 1<<63 - 1, -1 << 63} {
		r := &reader{bytes: appendInt64(nil, v)}
		require.Equal(t, v, r.int64())
		require.False(t, r.more())
	}
}

func TestMalformedModules(t *testing.T) {
	const header = "\x00asm\x01\x00\x00\x00"
	empty, err := Rewrite([]byte(header))
	require.NoError(t, err)
	require.Equal(t, header, string(empty))
	for _, wasm := range []string{
		"", "\x00asm", header + "\x0a", header + "\x0a\x05\x01", header + "\x0a\x02\x01\x09", header + "\x02\x04\x01\x00\x00\x02",
	} {
		_, err := Rewrite([]byte(wasm))
		require.ErrorIs(t, err, errMalformed, "%q", wasm)
	}
	const cutOff = header + "\x0a\x04\x01\x02\x00\x41" // a function that ends within an instruction stays as it is
	same, err := Rewrite([]byte(cutOff))
	require.NoError(t, err)
	require.Equal(t, cutOff, string(same))
}
