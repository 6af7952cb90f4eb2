package report

import "time"

// life is one incarnation of a host's program, from its start to its end.
type life struct {
	host     int
	number   int // of the incarnation, from 1
	from, to time.Duration
	// ended says how it ended, empty if it went on to the end of the run; crashed, that it was not the program's own doing.
	ended   string
	crashed bool
}

// findLives follows starts and ends. A host that never starts is a client, which runs all the time.
func (f *facts) findLives() {
	numbers := make([]int, len(f.hosts))
	open := make([]int, len(f.hosts)) // the index of the life under way plus one, by host
	finish := func(h int, at time.Duration, how string, crashed bool) {
		if i := open[h]; i > 0 {
			l := &f.lives[i-1]
			l.to, l.ended, l.crashed, open[h] = at, how, crashed, 0
		}
	}
	for _, m := range f.result.Story {
		for _, h := range f.indexes(m.Hosts) {
			switch m.Kind {
			case "boot":
				finish(h, m.At, "ended unseen", true)
				numbers[h]++
				f.lives = append(f.lives, life{host: h, number: numbers[h], from: m.At, to: f.end})
				open[h] = len(f.lives)
			case "crash", "exit":
				finish(h, m.At, m.Text, m.Kind == "crash")
			}
		}
	}
	for h := range f.hosts {
		if numbers[h] == 0 && f.hosts[h].role == roleClient {
			f.lives = append(f.lives, life{host: h, number: 1, to: f.end})
		}
	}
}

// lifeAt returns the life that a host lived at a moment, nil if it was down.
func (f *facts) lifeAt(h int, at time.Duration) *life {
	for i := range f.lives {
		if l := &f.lives[i]; l.host == h && l.from <= at && (at < l.to || l.ended == "") {
			return l
		}
	}
	return nil
}

// down returns the hosts that did not run at a moment though they had been started before.
func (f *facts) down(at time.Duration) []int {
	seen := make([]bool, len(f.hosts))
	for _, l := range f.lives {
		seen[l.host] = seen[l.host] || l.from <= at
	}
	var all []int
	for h := range f.hosts {
		if seen[h] && f.lifeAt(h, at) == nil {
			all = append(all, h)
		}
	}
	return all
}
