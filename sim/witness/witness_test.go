package witness

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLogLinesAreTakenApart(t *testing.T) {
	require.Equal(t, map[string]string{"time": "2026-01-01T00:00:00Z", "level": "INFO", "msg": "leads", "group": "slot-1", "term": "3", "what": `a "b" c`},
		Fields(`time=2026-01-01T00:00:00Z level=INFO msg=leads group=slot-1 term=3 what="a \"b\" c"`))
	require.Empty(t, Fields("goroutine 1 [running]:"))
	require.Equal(t, map[string]string{"a": "1"}, Fields(`a=1 b="broken`))
}

// told writes down what a witness reports.
type told []string

func (t *told) Moment(_, kind, text string) { *t = append(*t, kind+": "+text) }
func (t *told) Violate(rule, text string)   { *t = append(*t, "broken "+rule+": "+text) }

func TestAWitnessTellsAndJudges(t *testing.T) {
	var story told
	w := New(&story)
	for _, line := range []struct{ host, text string }{
		{"b-1", "level=INFO msg=leads group=slot-0 term=2"},
		{"b-1", `level=INFO msg="state digest" group=slot-0 index=7 digest=aa`},
		{"b-2", `level=INFO msg="state digest" group=slot-0 index=7 digest=aa`},
		{"b-3", `level=INFO msg="state digest" group=slot-0 index=7 digest=bb`},
		{"b-2", "level=INFO msg=leads group=slot-0 term=3"},
		{"b-1", `level=INFO msg="leadership changed" group=slot-0 leader=false`},
		{"b-3", "level=INFO msg=leads group=slot-0 term=3"},
		{"l-1", `level=INFO msg="holding the virtual IP" vip=a:1`},
		{"l-1", "time=x level=WARN msg=odd"},
		{"l-1", "level=INFO msg=quiet"},
		{"l-1", `level=INFO msg="released the virtual IP" vip=a:1`},
	} {
		require.NoError(t, w.Line(line.host, line.text))
	}
	require.Equal(t, told{
		"leads: b-1 leads slot-0 in term 2",
		"broken equal-state: slot-0 at index 7: b-1 has state aa, b-3 has bb",
		"leads: b-2 leads slot-0 in term 3",
		"follows: b-1 no longer leads slot-0",
		"broken one-leader-per-term: b-2 and b-3 both led slot-0 in term 3",
		"leads: b-3 leads slot-0 in term 3",
		"vip: l-1 holds the virtual IP",
		"log: l-1: level=WARN msg=odd",
		"vip: l-1 releases the virtual IP",
	}, story)
	require.Equal(t, map[string]int{RuleOneLeader: 3, RuleEqualState: 2}, w.Checked())
	require.Equal(t, "b-3", w.Leader(SlotGroup(0)))
	w.Ended("b-1")
	require.Equal(t, "b-3", w.Leader("slot-0"))
	w.Ended("b-3")
	require.Empty(t, w.Leader("slot-0"))
	require.Error(t, w.Line("b-1", "msg=leads group=slot-0 term=x"))
	require.Error(t, w.Line("b-1", `msg="state digest" group=slot-0`))
}
