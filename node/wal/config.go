package wal

import (
	"errors"
	"fmt"
	"time"
)

// Limits that are part of the format. A journal written under one value cannot be read under another.
const (
	// blockBytes is the unit of everything on disk: every frame begins on a multiple of it, so that the write of a
	// frame never touches a disk sector that holds acknowledged data (a torn sector cannot hurt an older frame).
	blockBytes = 4096
	// segmentBytesMin is the smallest segment. With it, the header (3 blocks), the largest checkpoint (a quarter), the
	// reserve (a sixteenth) and the largest entry (half) still fit together. Only tests use it.
	segmentBytesMin = 256 << 10
	// segmentBytesMax keeps an offset inside a segment within 32 bits, so that an index entry stays small.
	segmentBytesMax = 1 << 31
	// firstSegmentBytes is the size of a new journal's first segment. It is small because Open waits until it is
	// filled with zeros; each following segment is four times larger, up to Config.SegmentBytes.
	firstSegmentBytes = 4 << 20
	// votedForBytesMax bounds HardState.VotedFor, which is repeated in the checkpoint of every segment.
	votedForBytesMax = 256
	// groupsMax bounds the groups of one journal, and with them the checkpoint; small segments allow fewer.
	groupsMax = 4096
	// recycleReserve is how many freed segments wait to be recycled; more are removed.
	recycleReserve = 2
	// relocateStep bounds what one frame carries of entries copied forward, so that callers hardly notice it.
	relocateStep = 256 << 10
)

// Config holds the limits of one journal. Start from DefaultConfig.
type Config struct {
	// SegmentBytes is the size of one segment file, header included: a multiple of 4096 between 256 KiB and 2 GiB.
	// Default 64 MiB. One entry's data may take at most half of it. It may differ from one Open to the next.
	SegmentBytes int64
	// SpareSegments is how many segments are kept ready ahead of their use, at least 1. Default 1.
	SpareSegments int
	// MaxSegments is the number of segments in use above which the journal tries to free the oldest one by copying
	// its last live entries forward, and names the groups that hold it back (Journal.Pinned). Default 32.
	MaxSegments int
	// RelocateBytes bounds the live bytes of the oldest segment that are copied forward to free it. Default 8 MiB;
	// a quarter of the segment is a second bound, so that copying always gains room.
	RelocateBytes int64
	// CacheBytes bounds the data bytes of recent entries kept in memory, over all groups. Default 32 MiB. 0 keeps none.
	CacheBytes int64
	// FrameBytes bounds what one write gathers, except that a single larger entry is written alone. Default 4 MiB.
	FrameBytes int
	// QueueDepth is how many callers may wait for the writer before the next one blocks. Default 1024.
	QueueDepth int
	// PromisedBytes bounds what AppendAsync leaves on its way to the disk; beyond it AppendAsync waits. Default 8 MiB.
	// 0 makes it wait always.
	PromisedBytes int64
	// SlowWrite is the duration of one write or sync above which a warning is logged. Default 500 ms.
	SlowWrite time.Duration
	// WriteDeadline is the duration of one write or sync above which the disk counts as hung and the host is ended
	// (hashicorp/raft #503: a leader with a hung disk keeps its followers quiet for ever). Default 3 s.
	WriteDeadline time.Duration
	// IdleDelay is how long after the last sync the durable end is noted in the segment's header. Default 50 ms.
	IdleDelay time.Duration
	// WatermarkBytes is how many bytes are written at most between two such notes under load. Default 16 MiB.
	WatermarkBytes int64
}

// DefaultConfig returns the configuration of a backend host.
func DefaultConfig() Config {
	return Config{
		SegmentBytes:   64 << 20,
		SpareSegments:  1,
		MaxSegments:    32,
		RelocateBytes:  8 << 20,
		CacheBytes:     32 << 20,
		FrameBytes:     4 << 20,
		QueueDepth:     1024,
		PromisedBytes:  8 << 20,
		SlowWrite:      500 * time.Millisecond,
		WriteDeadline:  3 * time.Second,
		IdleDelay:      50 * time.Millisecond,
		WatermarkBytes: 16 << 20,
	}
}

// Validate reports the first value that is out of range.
func (c Config) Validate() error {
	if c.SegmentBytes < segmentBytesMin || c.SegmentBytes > segmentBytesMax || c.SegmentBytes%blockBytes != 0 {
		return fmt.Errorf("segment size %d: want a multiple of %d between %d and %d",
			c.SegmentBytes, blockBytes, segmentBytesMin, segmentBytesMax)
	}
	if c.SpareSegments < 1 || c.MaxSegments < 2 {
		return fmt.Errorf("spare segments %d, max segments %d: want at least 1 and 2", c.SpareSegments, c.MaxSegments)
	}
	if c.RelocateBytes < 0 || c.CacheBytes < 0 || c.WatermarkBytes < blockBytes {
		return fmt.Errorf("relocate %d, cache %d, watermark %d bytes: want at least 0, 0 and %d",
			c.RelocateBytes, c.CacheBytes, c.WatermarkBytes, blockBytes)
	}
	if c.FrameBytes < blockBytes || c.QueueDepth < 1 {
		return fmt.Errorf("frame size %d, queue depth %d: want at least %d and 1", c.FrameBytes, c.QueueDepth, blockBytes)
	}
	if c.PromisedBytes < 0 {
		return fmt.Errorf("promised bytes %d: want at least 0", c.PromisedBytes)
	}
	if c.SlowWrite <= 0 || c.WriteDeadline <= 0 || c.IdleDelay <= 0 {
		return errors.New("slow write, write deadline and idle delay must be above zero")
	}
	return nil
}

// entryBytesMax is the largest data of one entry: it must fit into an empty segment beside a checkpoint.
func (c Config) entryBytesMax() int { return int(c.SegmentBytes / 2) }

// groupsMax is how many groups the checkpoint of a segment has room for, if it may take a quarter of it: bounds, hard
// state and one compaction each.
func (c Config) groupsMax() int {
	return int(min(groupsMax, c.SegmentBytes/4/(3*recordHeaderBytes+votedForBytesMax)))
}

// segmentBytes is the size of a segment's file by its id: small at first, so that a new journal opens at once.
func (c Config) segmentBytes(id uint64) int64 {
	size := int64(firstSegmentBytes)
	for ; id > 1 && size < c.SegmentBytes; id-- {
		size *= 4
	}
	return min(size, c.SegmentBytes)
}
