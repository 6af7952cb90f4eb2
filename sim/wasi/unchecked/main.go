// Command unchecked prepares a build of the simulator whose engine does not check every memory access.
//
//	go run ./sim/wasi/unchecked build/engine
//	go build -tags unchecked -modfile build/engine/go.mod -o bin/sim ./cmd/sim
//
// wazero compares each address with the size of the memory before it loads or stores, with the code for the failure in
// line. In a program whose stack is memory too that is half of all machine code. Other engines leave the check to the
// hardware: an address has 32 bits and an offset has 32, so if 8 GiB of addresses behind the memory's beginning belong to
// it and cannot be touched, none reaches anything else. This command copies wazero's source out of the module cache,
// takes the comparison out of the copy, and writes a go.mod with which it is used. With the build tag "unchecked" package
// sim/wasi keeps those 8 GiB free (addresses, not memory); without the tag the copy is as it was.
//
// The runs are the same with and without, by their hashes. There is one difference: a program that goes astray in its
// memory ends the simulator and not just itself. Go programs do not; the plain build tells when in doubt.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./sim/wasi/unchecked FOLDER, from the product's folder")
		os.Exit(2)
	}
	if err := prepare(".", os.Args[1], runtime.GOOS, runtime.GOARCH); err != nil {
		fmt.Fprintln(os.Stderr, "unchecked:", err)
		os.Exit(1)
	}
}
