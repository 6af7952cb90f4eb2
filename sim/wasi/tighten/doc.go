// Package tighten rewrites a program that Go compiled for WebAssembly into one that does the same and of which an engine
// makes shorter and faster machine code. [Rewrite] is all of it.
//
// Go's compiler makes little of WebAssembly's control flow. So that a goroutine can stop in the middle of any function,
// every basic block has a number, a function begins with a jump table over all of them, and every jump, however short,
// sets a variable called PC_B and goes round a loop through that table:
//
//	loop
//	  block block block ...          one per basic block, the last one outermost
//	    local.get PC_B  br_table     to the end of any of them
//	  end  code of block 0 ...  i32.const 2  local.set PC_B  br (loop)
//	  end  code of block 1 ...
//	  end  code of block 2 ...
//	end  unreachable
//
// To an engine each jump is an indirect one, and any block may follow any other, so that hardly a value stays in a
// register. But a jump forward needs no table: the end of a later block is a plain branch away. What remains for the
// table are jumps backward, and the blocks in which a function may begin anew: its first one, and those behind a call.
// With the other blocks out of the table most code becomes a straight line (see dispatch.go). Besides that, calls that
// never return are moved out of the way (cold.go), and comparisons of comparisons and conversions there and back are
// simplified (simplify.go).
//
// Nothing observable changes: the same calls are made with the same memory, so a run of a rewritten program has the same
// hash as one of the original, and a test of package sim/wasi checks that. A jump to a block that was taken out of the
// table, were there one after all, ends the program with a trap. What is not as Go writes it is left as it is.
package tighten
