package workload

import (
	"testing"
	"time"

	"chasqui/linearizability"

	"github.com/stretchr/testify/require"
)

func TestLedger(t *testing.T) {
	const s = time.Second
	acknowledge := func(id, token string) func(*ledger) {
		return func(l *ledger) { l.acknowledged(Missing{MessageID: id, Token: token}, 0) }
	}
	receive := func(id, token, handle string, until time.Duration) func(*ledger) {
		return func(l *ledger) {
			l.received(&linearizability.Message{MessageID: id, Body: token, Handle: handle}, until)
		}
	}
	polls := func(began ...time.Duration) func(*ledger) {
		return func(l *ledger) {
			for _, at := range began {
				l.empty(at)
			}
		}
	}
	coming := func(id, handle string, until time.Duration) func(*ledger) {
		return func(l *ledger) { l.mayCome(&linearizability.Message{MessageID: id, Handle: handle}, until) }
	}
	elsewhere := func(id, token string) func(*ledger) {
		return func(l *ledger) { l.turnedUp(&linearizability.Message{MessageID: id, Body: token}) }
	}
	deleted := func(id, handle string) func(*ledger) { return func(l *ledger) { l.deleted(id, handle) } }
	for name, test := range map[string]struct {
		steps   []func(*ledger)
		missing int
		drained bool
	}{
		"nothing happened":                    {nil, 0, false},
		"three empty polls":                   {[]func(*ledger){polls(1*s, 2*s, 3*s)}, 0, true},
		"two empty polls":                     {[]func(*ledger){polls(1*s, 2*s)}, 0, false},
		"sent":                                {[]func(*ledger){acknowledge("1", "a"), polls(1*s, 2*s, 3*s)}, 1, false},
		"sent and received":                   {[]func(*ledger){acknowledge("1", "a"), receive("1", "a", "h", s), deleted("1", "h"), polls(1*s, 2*s, 3*s)}, 0, true},
		"received before acknowledged":        {[]func(*ledger){receive("1", "a", "h", s), deleted("1", "h"), acknowledge("1", "a"), polls(1*s, 2*s, 3*s)}, 0, true},
		"a duplicate of what was received":    {[]func(*ledger){receive("1", "a", "h", s), deleted("1", "h"), acknowledge("1", "b"), polls(1*s, 2*s, 3*s)}, 0, true},
		"a duplicate of what is missing":      {[]func(*ledger){acknowledge("1", "a"), acknowledge("1", "b"), receive("1", "a", "h", 0), polls(1*s, 2*s, 3*s)}, 0, true},
		"the copy of a retried send":          {[]func(*ledger){acknowledge("2", "a"), receive("1", "a", "h", 0), polls(1*s, 2*s, 3*s)}, 0, true},
		"another message":                     {[]func(*ledger){acknowledge("1", "a"), receive("2", "b", "h", 0), polls(1*s, 2*s, 3*s)}, 1, false},
		"received and held":                   {[]func(*ledger){receive("1", "a", "h", 5*s), polls(1*s, 2*s, 3*s)}, 0, false},
		"held until the polls":                {[]func(*ledger){receive("1", "a", "h", 5*s), polls(6*s, 7*s, 8*s)}, 0, true},
		"deleted with an old handle":          {[]func(*ledger){receive("1", "a", "g", 2*s), receive("1", "a", "h", 5*s), deleted("1", "g"), polls(3*s, 4*s, 5*s)}, 0, false},
		"held longer":                         {[]func(*ledger){receive("1", "a", "h", 1*s), func(l *ledger) { l.changed("1", 9*s) }, polls(3*s, 4*s, 5*s)}, 0, false},
		"it may still move here":              {[]func(*ledger){coming("1", "h", 9*s), polls(2*s, 3*s, 4*s)}, 0, false},
		"it would have come":                  {[]func(*ledger){coming("1", "h", 1*s), polls(2*s, 3*s, 4*s)}, 0, true},
		"it came":                             {[]func(*ledger){coming("1", "g", 9*s), receive("1", "a", "h", 2*s), polls(3*s, 4*s, 5*s)}, 0, true},
		"it was deleted in the source":        {[]func(*ledger){coming("1", "h", 9*s), func(l *ledger) { l.stays("1", "h") }, polls(2*s, 3*s, 4*s)}, 0, true},
		"deleted there with an old handle":    {[]func(*ledger){coming("1", "h", 9*s), func(l *ledger) { l.stays("1", "g") }, polls(2*s, 3*s, 4*s)}, 0, false},
		"found where it moved to":             {[]func(*ledger){acknowledge("1", "a"), elsewhere("1", "a"), polls(1*s, 2*s, 3*s)}, 0, true},
		"found elsewhere, acknowledged later": {[]func(*ledger){elsewhere("1", "a"), acknowledge("1", "a"), polls(1*s, 2*s, 3*s)}, 0, true},
		"an unanswered receive":               {[]func(*ledger){func(l *ledger) { l.unsettled(1 * s) }, polls(4*s, 5*s, 6*s)}, 0, false},
		"an unanswered receive, long ago":     {[]func(*ledger){func(l *ledger) { l.unsettled(1 * s) }, polls(7*s, 8*s, 9*s)}, 0, true},
		"a message between the polls":         {[]func(*ledger){polls(1*s, 2*s), receive("1", "a", "h", 0), polls(3 * s)}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(false)
			for _, step := range test.steps {
				step(l)
			}
			require.Len(t, l.missing, test.missing)
			require.Len(t, l.byToken, test.missing)
			require.Equal(t, test.drained, l.drained())
		})
	}
}

func TestLedgerOfAnExemptQueue(t *testing.T) {
	l := newLedger(true)
	l.acknowledged(Missing{MessageID: "1", Token: "a"}, 0)
	require.Empty(t, l.missing)
	require.False(t, l.drained())
	for range emptyPolls {
		l.empty(time.Second)
	}
	require.True(t, l.drained())
}
