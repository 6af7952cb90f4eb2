package metadata

import (
	"io"
	"sync"

	"chasqui/metadata/catalog"
	"chasqui/node/replication"
)

// machine puts a lock around the catalog: raft's goroutine applies, handlers read.
type machine struct {
	mu      sync.RWMutex // guards catalog; held for memory work only
	catalog *catalog.Catalog
}

var _ replication.StateMachine = (*machine)(nil)

func newMachine() *machine { return &machine{catalog: catalog.New()} }

// Apply carries out committed commands.
func (m *machine) Apply(now int64, operations [][]byte) []any {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.catalog.Apply(now, operations)
}

// Snapshot captures the state in constant time.
func (m *machine) Snapshot() (replication.Snapshot, error) {
	m.mu.Lock() // cloning a tree changes the original's bookkeeping
	defer m.mu.Unlock()
	return m.catalog.Snapshot(), nil
}

// Restore replaces the state. Readers see the old one until the new one is complete.
func (m *machine) Restore(r io.Reader) error {
	next := catalog.New()
	if err := next.Restore(r); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.catalog = next
	return nil
}

// read runs f with the catalog. What f takes out of it may be kept: records are immutable.
func (m *machine) read(f func(c *catalog.Catalog)) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	f(m.catalog)
}
