package bench

import (
	"time"

	"chasqui/sim/processor"
)

// moment is a point of the measuring: the processor time that this process has used so far, and the time.
type moment struct {
	cpu  time.Duration
	wall time.Time
}

func now() moment { return moment{cpu: processor.Time(), wall: time.Now()} }
