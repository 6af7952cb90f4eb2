package wasi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLastWords(t *testing.T) {
	long := strings.Repeat("x", lastWordsBytes)
	tests := []struct {
		name   string
		pieces []string
		want   string
	}{
		{"nothing", nil, ""},
		{"a line", []string{"a line\n"}, "a line"},
		{"the last of two", []string{"first\nsecond\n"}, "second"},
		{"the last of two pieces", []string{"first\n", "second\n"}, "second"},
		{"a line in pieces", []string{"first\nsec", "on", "d\n"}, "second"},
		{"a line without its end", []string{"first\nsecond"}, "second"},
		{"an empty piece", []string{"first\n", ""}, "first"},
		{"a panic", []string{"a log line\n", "panic: ", "why", "\n\n", "goroutine 1\n", "\tmain\n"}, "panic: why\n\ngoroutine 1\n\tmain"},
		{"a fatal error", []string{"fatal error: ", "why", "\n", "stack\n"}, "fatal error: why\nstack"},
		{"a line that speaks of panic", []string{"do not panic: ", "it is fine\n"}, "do not panic: it is fine"},
		{"a panic in the middle of a line", []string{"do not ", "panic: ", "it is fine\n"}, "do not panic: it is fine"},
		{"too long", []string{long, "more"}, long},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var w lastWords
			for _, piece := range test.pieces {
				w.write([]byte(piece))
			}
			require.Equal(t, test.want, w.String())
		})
	}
}
