package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/linearizability"
)

// TestEveryProducerMustSendAgain says which sends after the faults satisfy the rule. Its scenario has two producers on one queue,
// which must both be served, and one on another.
func TestEveryProducerMustSendAgain(t *testing.T) {
	healed := SteadyScenario().FaultyPhase
	send := func(producer, queue string, after, takes time.Duration, outcome linearizability.Outcome) linearizability.Operation {
		call := healed + after
		return linearizability.Operation{
			Kind: linearizability.Send, Client: producer, Queue: queue, Call: int64(call), Return: int64(call + takes), Outcome: outcome,
		}
	}
	const ok, unknown = linearizability.OK, linearizability.Unknown
	others := []linearizability.Operation{
		send("producer-0", "orders", time.Second, time.Millisecond, ok), send("producer-2", "payments.fifo", time.Second, time.Millisecond, ok),
	}
	for _, c := range []struct {
		name     string
		sends    []linearizability.Operation
		violates bool
	}{
		{name: "one that does not try"},
		{name: "tried too early", sends: []linearizability.Operation{send("producer-1", "orders", 3*time.Second, 2*time.Second, unknown)}},
		{name: "tried late in vain", sends: []linearizability.Operation{send("producer-1", "orders", 5*time.Second, 2*time.Second, unknown)}, violates: true},
		{name: "served once before", sends: []linearizability.Operation{
			send("producer-1", "orders", -time.Second, 2*time.Second, ok), send("producer-1", "orders", 5*time.Second, 2*time.Second, unknown),
		}},
		{name: "served during the faults only", sends: []linearizability.Operation{
			send("producer-1", "orders", -2*time.Second, time.Second, ok), send("producer-1", "orders", 5*time.Second, 2*time.Second, unknown),
		}, violates: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := testRun()
			r.judgeSends(append(c.sends, others...))
			require.Equal(t, 2, r.checked[RuleSendsAgain])
			require.Equal(t, c.violates, len(r.result.Violations) == 1, "%v", r.result.Violations)
		})
	}
	r := testRun()
	r.judgeSends(others[:1])
	require.Len(t, r.result.Violations, 1, "nothing was ever sent to the other queue")
	early := send("producer-2", "payments.fifo", -3*time.Second, time.Millisecond, ok)
	r = testRun()
	r.judgeSends([]linearizability.Operation{others[0], early})
	require.Empty(t, r.result.Violations, "its producer sent before, and happens to be silent")
	r = testRun()
	r.judgeSends([]linearizability.Operation{others[0], early, send("producer-2", "payments.fifo", -time.Second, 5*time.Second, unknown)})
	require.Len(t, r.result.Violations, 1, "its producer tries in vain")
}
