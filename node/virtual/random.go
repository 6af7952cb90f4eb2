//go:build wasip1

package virtual

import (
	cryptorand "crypto/rand"
	mathrand "math/rand/v2"

	"chasqui/node"
)

// random is the machine's source for bytes, and the Go runtime's generator, which that seeds, for numbers.
type random struct{}

var _ node.Random = random{}

// Read fills p with bytes fit for keys, as far as the simulator's go.
func (random) Read(p []byte) (int, error) { return cryptorand.Read(p) }

// Uint64 returns a random number.
func (random) Uint64() uint64 { return mathrand.Uint64() }
