package tighten

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// The parts of a module that matter here, by the numbers of the WebAssembly specification.
const (
	headerBytes     = 8 // magic number and version
	sectionImport   = 2
	sectionCode     = 10
	sectionCustom   = 0
	importFunction  = 0
	namesOfFunction = 1
)

// errMalformed means that bytes are not the module they claim to be.
var errMalformed = errors.New("malformed WebAssembly")

// reader takes bytes apart. It panics with errMalformed at their end; Rewrite and parse recover that.
type reader struct {
	bytes []byte
	at    int
}

func (r *reader) more() bool { return r.at < len(r.bytes) }

func (r *reader) byte() byte {
	if r.at >= len(r.bytes) {
		panic(errMalformed)
	}
	r.at++
	return r.bytes[r.at-1]
}

func (r *reader) take(n uint32) []byte {
	if uint64(n) > uint64(len(r.bytes)-r.at) {
		panic(errMalformed)
	}
	r.at += int(n)
	return r.bytes[r.at-int(n) : r.at]
}

func (r *reader) uint32() uint32 {
	v, n := binary.Uvarint(r.bytes[r.at:])
	if n <= 0 || v > 1<<32-1 {
		panic(errMalformed)
	}
	r.at += n
	return uint32(v)
}

// int64 reads a number with sign of up to 64 bits.
func (r *reader) int64() int64 {
	var v int64
	for shift := 0; ; shift += 7 {
		b := r.byte()
		v |= int64(b&0x7f) << shift
		if b&0x80 != 0 {
			continue
		}
		if shift += 7; shift < 64 && b&0x40 != 0 {
			v |= -1 << shift
		}
		return v
	}
}

// appendInt64 appends a number with sign.
func appendInt64(b []byte, v int64) []byte {
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

// Rewrite returns a module that does what the given one does. It fails if that is not a module.
func Rewrite(wasm []byte) (rewritten []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != any(errMalformed) {
				panic(r)
			}
			err = fmt.Errorf("rewrite program: %w", errMalformed)
		}
	}()
	r := &reader{bytes: wasm}
	rewritten = append(make([]byte, 0, len(wasm)), r.take(headerBytes)...)
	known := findLandmarks(wasm)
	for r.more() {
		start := r.at
		id := r.byte()
		content := r.take(r.uint32())
		if id == sectionCode {
			content = rewriteCode(content, known)
			rewritten = binary.AppendUvarint(append(rewritten, id), uint64(len(content)))
			rewritten = append(rewritten, content...)
			continue
		}
		rewritten = append(rewritten, wasm[start:r.at]...)
	}
	return rewritten, nil
}

// rewriteCode rewrites the functions of a code section, some on each processor.
func rewriteCode(section []byte, known landmarks) []byte {
	r := &reader{bytes: section}
	bodies := make([][]byte, 0, len(section)/256)
	for range r.uint32() {
		bodies = append(bodies, r.take(r.uint32()))
	}
	workers := runtime.GOMAXPROCS(0)
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			w := rewriter{known: known}
			for i := worker; i < len(bodies); i += workers {
				bodies[i] = w.function(bodies[i], i)
			}
		})
	}
	wait.Wait()
	code := binary.AppendUvarint(make([]byte, 0, len(section)), uint64(len(bodies)))
	for _, body := range bodies {
		code = append(binary.AppendUvarint(code, uint64(len(body))), body...)
	}
	return code
}

// landmarks are functions of the runtime that take an unusual way in or out, as numbers of the module, which count
// imported functions first. -1 is one whose name the module does not tell.
type landmarks struct {
	imported    int
	deferReturn int64 // to whose calls it jumps when a panic was recovered
	goExit      int64 // to whose second block goroutines return that have ended
	// The functions that never return to where they were called; see cold.go.
	signalPanic, moreStack, moreStackNoContext int64
}

// findLandmarks reads the names that a module gives its functions.
func findLandmarks(wasm []byte) landmarks {
	l := landmarks{deferReturn: -1, goExit: -1, signalPanic: -1, moreStack: -1, moreStackNoContext: -1}
	r := &reader{bytes: wasm, at: headerBytes}
	for r.more() {
		id := r.byte()
		section := &reader{bytes: r.take(r.uint32())}
		switch {
		case id == sectionImport:
			l.imported = importedFunctions(section)
		case id == sectionCustom && string(section.take(section.uint32())) == "name":
			l.readNames(section)
		}
	}
	return l
}

// importedFunctions counts the functions of an import section; a module of Go's imports nothing else.
func importedFunctions(section *reader) (functions int) {
	for range section.uint32() {
		section.take(section.uint32()) // module
		section.take(section.uint32()) // name
		if section.byte() != importFunction {
			panic(errMalformed)
		}
		section.uint32() // type
		functions++
	}
	return functions
}

func (l *landmarks) readNames(section *reader) {
	for section.more() {
		kind := section.byte()
		names := &reader{bytes: section.take(section.uint32())}
		if kind != namesOfFunction {
			continue
		}
		for range names.uint32() {
			index := int64(names.uint32())
			switch string(names.take(names.uint32())) {
			case "runtime.deferreturn":
				l.deferReturn = index
			case "runtime.goexit":
				l.goExit = index
			case "runtime.sigpanic":
				l.signalPanic = index
			case "runtime.morestack":
				l.moreStack = index
			case "runtime.morestack_noctxt":
				l.moreStackNoContext = index
			}
		}
	}
}
