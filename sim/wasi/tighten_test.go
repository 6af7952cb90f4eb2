package wasi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/sim/wasi"
)

// TestTightProgramsDoTheSame runs the program as it was compiled and in its faster form: the same calls into the machine
// at the same times, the same output, the same end.
func TestTightProgramsDoTheSame(t *testing.T) {
	asItIs, err := engine.CompileAsItIs(original)
	require.NoError(t, err)
	for _, args := range [][]string{
		{"controlflow"}, {"hello", "a"}, {"timers"}, {"random"}, {"fail"}, {"panic"}, {"deadlock"}, {"files"},
		{"order"}, {"yield", "100"}, {"sleep", "100"}, {"disk", "100"}, {"send", "100"}, {"receive", "100"},
	} {
		t.Run(args[0], func(t *testing.T) {
			type course struct {
				calls, sent    int
				now            int64
				output, errors string
				code           uint32
				detail         string
			}
			run := func(p *wasi.Program) course {
				m := newMachine(7)
				i, err := p.Start(m, wasi.Options{Args: append([]string{"guest"}, args...)})
				require.NoError(t, err)
				code, detail := m.run(t, i)
				return course{m.calls, m.sent, m.now, m.output[1].String(), m.output[2].String(), code, detail}
			}
			want := run(asItIs)
			require.Equal(t, want, run(guest))
			require.Positive(t, want.calls)
			if args[0] == "controlflow" {
				require.Zero(t, want.code, "%s", want.detail)
			}
		})
	}
}
