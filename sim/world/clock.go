package world

import "time"

// million is parts of which drift is counted.
const million = 1_000_000

// clock is what a host's clocks show, as a function of the true time. The monotonic clock never jumps; the wall clock
// is the monotonic one plus an offset, so drift moves both.
type clock struct {
	since     int64 // true time of the last change of drift
	base      int64 // what the monotonic clock showed then
	driftPPM  int64 // how much faster than true time it runs
	wallAhead int64 // wall clock minus (Epoch + monotonic clock)
}

func (c *clock) monotonic(now int64) int64 {
	elapsed := now - c.since
	return c.base + elapsed + elapsed/million*c.driftPPM + elapsed%million*c.driftPPM/million
}

func (c *clock) wall(now int64) int64 { return Epoch + c.wallAhead + c.monotonic(now) }

// trueTime returns a moment at which the monotonic clock shows at least reading.
func (c *clock) trueTime(reading int64) int64 {
	ahead := reading - c.base
	if ahead <= 0 {
		return c.since
	}
	scale := int64(million) + c.driftPPM
	guess := c.since + ahead/scale*million + ahead%scale*million/scale
	for c.monotonic(guess) < reading {
		guess++
	}
	return guess
}

func (c *clock) drift(now, ppm int64) {
	c.base, c.since, c.driftPPM = c.monotonic(now), now, ppm
}

// Drift makes both clocks of the host run faster than true time by ppm millionths (negative: slower).
func (h *Host) Drift(ppm int64) {
	h.clock.drift(h.localNow(), ppm)
	h.rewake()
}

// JumpWall sets the host's wall clock forward (or back) by d. Its monotonic clock does not notice.
func (h *Host) JumpWall(d time.Duration) { h.clock.wallAhead += int64(d) }

// WallSkew returns how far the host's wall clock is ahead of true time.
func (h *Host) WallSkew() time.Duration {
	return time.Duration(h.clock.wall(h.w.now) - Epoch - h.w.now)
}
