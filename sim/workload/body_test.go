package workload

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestBodiesShowDamage(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, bytes := range []int{1, 20, 21, 60, 300} {
		body := newBody("producer-1/2.3", bytes, random)
		require.True(t, utf8.ValidString(body))
		require.LessOrEqual(t, len(body), max(bytes, len("producer-1/2.3")+10))
		require.GreaterOrEqual(t, len(body), bytes-3)
		token, ok := tokenOf(body)
		require.True(t, ok)
		require.Equal(t, "producer-1/2.3", token)
		for i := range len(body) {
			changed := []byte(body)
			changed[i] ^= 1
			_, ok := tokenOf(string(changed))
			require.False(t, ok, "byte %d of %q", i, body)
			_, ok = tokenOf(body[:i])
			require.False(t, ok, "cut at %d of %q", i, body)
		}
	}
	first, err := newBody("a", largeBodyBytes, random), newBody("a", largeBodyBytes, random)
	require.NotEqual(t, first, err, "padding varies")
	require.InDelta(t, largeBodyBytes, len(first), 3)
}

func TestMarks(t *testing.T) {
	require.Empty(t, marks("producer-1/1.0"))
	require.Empty(t, marksDigest("producer-1/1.0"))
	require.Equal(t, map[string]attributeValue{markAttribute: {"String", "producer-1/1.0+"}}, marks("producer-1/1.0+"))
	require.Len(t, marksDigest("producer-1/1.0+"), 32)
}

func TestPoison(t *testing.T) {
	poisoned := 0
	for i := range 10_000 {
		if poisonous(fmt.Sprintf("producer-1/%d.0", i), 0.2) {
			poisoned++
		}
	}
	require.InDelta(t, 2000, poisoned, 200)
}
