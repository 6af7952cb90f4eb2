package balancer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDecide(t *testing.T) {
	const second = time.Second
	primary := State{ID: "balancer-1", Priority: Primary}
	secondary := State{ID: "balancer-2", Priority: Secondary}
	holding := func(s State) State { s.Holding = true; return s }
	for _, c := range []struct {
		name string
		view view
		want step
	}{
		{"alone", view{self: primary, condition: peerAbsent}, claim},
		{"alone and holding", view{self: holding(primary), condition: peerAbsent}, stay},
		{"just started, peer not heard of", view{self: primary, condition: peerUnknown}, stay},
		{"peer holds", view{self: primary, condition: peerAnswers, peer: holding(secondary)}, stay},
		{"secondary, peer holds", view{self: secondary, condition: peerAnswers, peer: holding(primary)}, stay},
		{"neither holds, primary", view{self: primary, condition: peerAnswers, peer: secondary}, claim},
		{"neither holds, secondary, too early", view{self: secondary, condition: peerAnswers, peer: primary, free: second - 1}, stay},
		{"neither holds, secondary, primary had its chance", view{self: secondary, condition: peerAnswers, peer: primary, free: second}, claim},
		{"silent peer", view{self: secondary, condition: peerSilent, peer: holding(primary), heard: true}, claim},
		{"silent peer, holding", view{self: holding(secondary), condition: peerSilent, peer: holding(primary)}, stay},
		{"silent peer, no frontend heard of since", view{self: secondary, condition: peerSilent, peer: holding(primary)}, stay},
		{"silent peer, no frontend heard of since, holding", view{self: holding(primary), condition: peerSilent, peer: secondary}, stay},
		{"nobody heard of for long", view{self: secondary, condition: peerSilent, peer: holding(primary), heard: true, deaf: true}, stay},
		{"nobody heard of for long, holding", view{self: holding(primary), condition: peerSilent, peer: secondary, heard: true, deaf: true}, release},
		{"no frontend heard of, but the peer", view{self: holding(primary), condition: peerAnswers, peer: secondary, deaf: true}, stay},
		{"both hold, primary keeps", view{self: holding(primary), condition: peerAnswers, peer: holding(secondary)}, stay},
		{"both hold, secondary releases", view{self: holding(secondary), condition: peerAnswers, peer: holding(primary)}, release},
		{"holding, peer stands by", view{self: holding(secondary), condition: peerAnswers, peer: primary}, stay},
		{"both hold, one priority, the greater id releases",
			view{self: holding(State{ID: "b", Priority: Primary}), condition: peerAnswers, peer: holding(State{ID: "a", Priority: Primary})}, release},
		{"both hold, one priority, the smaller id keeps",
			view{self: holding(State{ID: "a", Priority: Primary}), condition: peerAnswers, peer: holding(State{ID: "b", Priority: Primary})}, stay},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.view.secondaryWait = second
			require.Equal(t, c.want, decide(c.view))
		})
	}
}

// Whatever two balancers that hear each other hold, at most one of them keeps it.
func TestDecideNeverLetsBothKeepTheVIP(t *testing.T) {
	priorities := []Priority{Primary, Secondary}
	for _, p := range priorities {
		for _, q := range priorities {
			a := State{ID: "a", Priority: p, Holding: true}
			b := State{ID: "b", Priority: q, Holding: true}
			first := decide(view{self: a, condition: peerAnswers, peer: b})
			second := decide(view{self: b, condition: peerAnswers, peer: a})
			require.NotEqual(t, first, second, "a is %v, b is %v", p, q)
		}
	}
}
