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
		if role := f.hosts[h].role; numbers[h] == 0 && (role == roleClient || role == roleConsole) {
			f.lives = append(f.lives, life{host: h, number: 1, to: f.end})
		}
	}
}

// down is a time in which a host did not run though it had been started before.
type down struct {
	host     int
	from, to time.Duration
}

// downs returns when hosts were down between two moments, host by host; the times are those of the whole downs.
func (f *facts) downs(from, to time.Duration) []down {
	var all []down
	for h := range f.hosts {
		var before *life
		for i := range f.lives {
			l := &f.lives[i]
			if l.host != h {
				continue
			}
			if before != nil && before.to <= to && l.from >= from && l.from > before.to {
				all = append(all, down{h, before.to, l.from})
			}
			before = l
		}
		if before != nil && before.ended != "" && before.to <= to {
			all = append(all, down{h, before.to, f.end})
		}
	}
	return all
}
