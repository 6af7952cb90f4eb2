package tighten

// Go checks every pointer before it is used, and the size of the stack at the beginning of most functions:
//
//	if
//	  local.get SP  i32.const 8  i32.sub  local.tee SP  global.set SP     push the return address
//	  local.get SP  i64.const address  i64.store
//	  i32.const 0  call sigpanic (or morestack)  global.get SP  local.set SP
//	  br_if (to where the function returns 1: stop, the goroutine is going on elsewhere)
//	end
//
// These functions never return to their caller: they make the goroutine go on elsewhere. But an engine does not know
// that. It keeps everything that is needed later in memory, because a call may be in between, and lays the call out in
// line. As the else of the opposite condition, with a return behind it, the call is out of the way in both respects:
//
//	i32.eqz  if  else
//	  local.get SP  i32.const 8 ...  call sigpanic  return
//	end

// coldCall is what is in the "if", in the order of its instructions.
var coldCall = [...]byte{
	opLocalGet, opI32Const, opI32Sub, opLocalTee, opGlobalSet, opLocalGet, opI64Const, opI64Store, opI32Const, opCall,
	opGlobalGet, opLocalSet, opBrIf, opEnd,
}

// coldCallAt is the place of the call; what is behind it is left out.
const coldCallAt = 9

// isColdCall tells whether that is what follows an "if".
func (l *landmarks) isColdCall(list []instruction) bool {
	if len(list) < len(coldCall) {
		return false
	}
	for at, op := range coldCall {
		if list[at].op != op {
			return false
		}
	}
	target := list[coldCallAt].value
	return target >= 0 && (target == l.signalPanic || target == l.moreStack || target == l.moreStackNoContext)
}

// addCold adds an "if" and the call in it, and returns how many further instructions that was; 0 if it is no such call.
func (s *simplified) addCold(list []instruction, known *landmarks) (further int) {
	if list[0].op != opIf || list[0].value != typeVoid || !known.isColdCall(list[1:]) {
		return 0
	}
	s.add(instruction{op: opI32Eqz})
	s.add(instruction{op: opIf, value: typeVoid})
	s.add(instruction{op: opElse})
	for _, i := range list[1 : 1+coldCallAt+1] {
		s.add(i)
	}
	s.add(instruction{op: opReturn})
	s.add(instruction{op: opEnd})
	return len(coldCall)
}
