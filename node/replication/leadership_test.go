package replication

import (
	"bytes"
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// logLines keeps what a host logs, as JSON, over restarts.
type logLines struct {
	mu    sync.Mutex // guards lines
	lines [][]byte
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, bytes.Clone(p))
	return len(p), nil
}

// named returns the attributes of the lines with a message.
func (l *logLines) named(t *testing.T, message string) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []map[string]any
	for _, line := range l.lines {
		attributes := map[string]any{}
		require.NoError(t, json.Unmarshal(line, &attributes))
		if attributes["msg"] == message {
			found = append(found, attributes)
		}
	}
	return found
}

// TestLeadershipIsLoggedOncePerTerm moves the leadership about by stopping and by cutting off leaders.
func TestLeadershipIsLoggedOncePerTerm(t *testing.T) {
	c := newTestCluster(t, 3, testConfig())
	for range 2 {
		leader := c.leader(t)
		leader.stop()
		c.leader(t)
		leader.start()
		cut := c.leader(t)
		cut.network.set(true)
		eventually(t, "the leader that is cut off steps down", func() bool { return !cut.replica.IsLeader() })
		cut.network.set(false)
	}
	c.leader(t)
	for _, h := range c.hosts {
		h.stop()
	}
	elected, sent := map[float64]string{}, map[float64]string{}
	for _, h := range c.hosts {
		leads, term := false, 0.0
		for _, line := range h.lines.named(t, "leadership changed") {
			require.Equal(t, "test", line["group"])
			require.NotEqual(t, leads, line["leader"], "each change is logged once")
			leads = line["leader"].(bool)
			if !leads {
				require.Equal(t, term, line["term"], "it ceases to lead in the term in which it led")
				continue
			}
			require.Greater(t, line["term"], term)
			term = line["term"].(float64)
			require.NotContains(t, elected, term, "%s and %s lead in one term", h.id, elected[term])
			elected[term] = h.id
		}
		require.False(t, leads, "a host that was stopped leads nothing")
		for _, line := range h.lines.named(t, "leads") {
			require.Equal(t, "test", line["group"])
			term := line["term"].(float64)
			require.NotContains(t, sent, term)
			sent[term] = h.id
		}
	}
	require.GreaterOrEqual(t, len(sent), 4)
	for term, host := range sent {
		require.Equal(t, host, elected[term], "term %v", term)
	}
}
