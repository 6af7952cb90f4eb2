package sim

import (
	"fmt"
	"time"
)

// ruleStorm: whatever is broken, hosts do not answer with a storm of attempts.
const ruleStorm = "no-storm"

const (
	// eventsMax bounds what happens in the world (packets, disk operations, outputs, boots) in one interval. In a hundred
	// sound seeds no second had more than some 7,000; programs that try again without a pause make many times that.
	eventsMax   = 25_000
	trafficTime = time.Second
)

// watchTraffic looks at every second of the run how much has happened in it.
func (r *run) watchTraffic() {
	last := r.world.Trace().Count()
	var look func()
	look = func() {
		now := r.world.Trace().Count()
		r.checked[ruleStorm]++
		if now-last > eventsMax && !r.stormy {
			r.stormy = true // told once
			r.violate(ruleStorm, fmt.Sprintf("%d events in the second before %v; %d are plenty", now-last, r.world.Now(), eventsMax))
		}
		last = now
		r.world.After(trafficTime, look)
	}
	r.world.After(trafficTime, look)
}
