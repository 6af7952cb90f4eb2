package world

import (
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"
)

// Stream returns the generator of a named use of randomness. The same seed and name give the same numbers, whatever
// was drawn from other streams: one more draw in one place leaves the rest of a run as it was.
func Stream(seed uint64, name string) *rand.Rand {
	return rand.New(rand.NewPCG(seed, xxhash.Sum64String(name)))
}

// Stream returns the world's generator of that name. Asking twice gives two generators that repeat each other.
func (w *World) Stream(name string) *rand.Rand { return Stream(w.seed, name) }
