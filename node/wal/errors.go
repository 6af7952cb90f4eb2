package wal

import (
	"errors"
	"fmt"
)

// Errors of a journal; test with errors.Is. node.ErrDiskFull is returned too: the entries were not stored (of an
// Append larger than Config.FrameBytes a prefix may be), and later calls succeed once there is room again.
var (
	// ErrNotFound means the group holds no entry with this index.
	ErrNotFound = errors.New("entry not found")
	// ErrPoisoned means an earlier write or sync failed or hung, or an entry could not be read back. Nothing can be stored until the journal is opened
	// again, and the outcome of the call that met the failure is unknown.
	ErrPoisoned = errors.New("journal is poisoned")
	// ErrClosed means Close was called. The outcome of a call that was under way is unknown.
	ErrClosed = errors.New("journal is closed")
	// ErrNotContiguous means Append's first index does not follow the group's last, or the indexes have a gap.
	ErrNotContiguous = errors.New("indexes are not contiguous")
	// ErrTooLarge means an entry or a hard state is larger than the journal can hold.
	ErrTooLarge = errors.New("record too large")
	// ErrTooManyGroups means the checkpoint of one more group would not fit into a segment.
	ErrTooManyGroups = errors.New("too many groups")
)

// CorruptionError says that bytes which must be good are not: they were durable once, and something other than a
// crash changed or removed them. The journal never repairs this by cutting its log, since entries acknowledged to
// others may be behind the damage. The host must not vote or lead with this folder; the remedy is to move the
// host's data folder away and let the host return on an empty one, under a new incarnation, fed by its peers.
type CorruptionError struct {
	// File is the damaged file's path on the host's disk.
	File string
	// Offset is where the damaged bytes begin.
	Offset int64
	// Reason says what did not verify.
	Reason string
}

// Error names the place, the reason and the remedy.
func (e *CorruptionError) Error() string {
	return fmt.Sprintf("journal corrupted: %s at offset %d: %s; nothing was cut: move the host's whole data folder away and "+
		"let the host rejoin on an empty one, or restore the file", e.File, e.Offset, e.Reason)
}
