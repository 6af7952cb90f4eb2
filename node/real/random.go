package real

import (
	cryptorand "crypto/rand"
	mathrand "math/rand/v2"

	"chasqui/node"
)

// random is the operating system's source for bytes, and the Go runtime's generator (ChaCha8, seeded by the system)
// for numbers.
type random struct{}

var _ node.Random = random{}

// Read fills p with bytes fit for keys; if the system cannot provide them, the process ends.
func (random) Read(p []byte) (int, error) { return cryptorand.Read(p) }

// Uint64 returns a random number.
func (random) Uint64() uint64 { return mathrand.Uint64() }
