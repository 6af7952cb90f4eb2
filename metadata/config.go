package metadata

import (
	"fmt"
	"time"

	"chasqui/metadata/catalog"
	"chasqui/node/replication"
)

// Timing of heartbeats, the same for all hosts.
const (
	// HeartbeatInterval is how often a backend host sends its heartbeat to every metadata host.
	HeartbeatInterval = 500 * time.Millisecond
	// DeadAfter is the default silence after which a backend host counts as dead: six heartbeats, so that a pause of
	// a second or two (a busy disk, a collected garbage heap) is not taken for a death.
	DeadAfter = 3 * time.Second
)

// groupCatalog is the raft group of the catalog; metadata hosts have no other.
const groupCatalog = 0

// Config describes one metadata host. The numbers that concern the cluster must be the same on all metadata hosts.
type Config struct {
	// HostID is this host's id among Members.
	HostID string
	// Members are all metadata hosts with their RPC addresses. 1 to 7, an odd number makes sense.
	Members []replication.Member
	// Replication has the timing and limits of the raft group; its GroupID, Name, HostID and Members are filled in.
	Replication replication.Config

	// ExpectBackends is the number of different backend hosts that must have registered before the slots are assigned
	// to all that have; the assignment is then fixed. Default 3.
	ExpectBackends int
	// Slots is the number of slots of the backend cluster, 1 to catalog.SlotsMax. Default 8.
	Slots int
	// Replicas is the number of hosts that hold each slot, 1 to catalog.ReplicasMax; fewer if fewer hosts exist.
	// Default 3.
	Replicas int

	// DeleteCooldown is how long after a queue's deletion its name cannot be used again. 0 switches the rule off; at
	// most catalog.TombstoneKeep. Default 60 s, as in SQS.
	DeleteCooldown time.Duration
	// PurgeCooldown is how long after a purge of a queue the next one is refused. 0 switches the rule off; at most
	// catalog.TombstoneKeep. Default 60 s, as in SQS.
	PurgeCooldown time.Duration

	// RestoreWindow is how long a deleted queue can be restored, and how long its messages take room after all. 0 makes
	// deletions final; at most catalog.RestoreMax. Default 24 h.
	RestoreWindow time.Duration

	// DeadAfter is the silence after which a backend host counts as dead. Default DeadAfter (3 s).
	DeadAfter time.Duration
	// ManageInterval is how often the leader looks for hosts to register and slots to assign; a heartbeat that needs
	// it wakes it at once. Default 500 ms.
	ManageInterval time.Duration
	// ProposeTimeout bounds the leader's own proposals. Default 5 s.
	ProposeTimeout time.Duration
}

// DefaultConfig returns the defaults; HostID and Members remain to be set.
func DefaultConfig() Config {
	return Config{
		Replication:    replication.DefaultConfig(),
		ExpectBackends: 3,
		Slots:          8,
		Replicas:       3,
		DeleteCooldown: time.Minute,
		PurgeCooldown:  time.Minute,
		RestoreWindow:  24 * time.Hour,
		DeadAfter:      DeadAfter,
		ManageInterval: 500 * time.Millisecond,
		ProposeTimeout: 5 * time.Second,
	}
}

// Validate reports the first setting that cannot work.
func (c Config) Validate() error {
	cooldownOK := func(d time.Duration) bool { return d >= 0 && d <= catalog.TombstoneKeep }
	for _, setting := range []struct {
		name string
		ok   bool
	}{
		{"HostID", c.HostID != ""},
		{"Members", len(c.Members) >= 1 && len(c.Members) <= catalog.ReplicasMax},
		{"ExpectBackends", c.ExpectBackends >= 1 && c.ExpectBackends <= catalog.HostsMax},
		{"Slots", c.Slots >= 1 && c.Slots <= catalog.SlotsMax},
		{"Replicas", c.Replicas >= 1 && c.Replicas <= catalog.ReplicasMax},
		{"DeleteCooldown", cooldownOK(c.DeleteCooldown)},
		{"PurgeCooldown", cooldownOK(c.PurgeCooldown)},
		{"RestoreWindow", c.RestoreWindow >= 0 && c.RestoreWindow <= catalog.RestoreMax},
		{"DeadAfter", c.DeadAfter > 0},
		{"ManageInterval", c.ManageInterval > 0},
		{"ProposeTimeout", c.ProposeTimeout > 0},
	} {
		if !setting.ok {
			return fmt.Errorf("metadata config: setting %s is out of range", setting.name)
		}
	}
	return nil
}
