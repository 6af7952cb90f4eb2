package suite

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// tailEvery is how often logs are read.
const tailEvery = 50 * time.Millisecond

// tail reads a log as it grows. Its methods may be called concurrently.
type tail struct {
	path string

	mu     sync.Mutex // guards the fields below, and is held while lines are handled, so that they come in order
	offset int64
	rest   []byte // of a line that is not complete
}

func newTail(path string) *tail { return &tail{path: path} }

// read handles the lines that are new. A log that is not there yet has none.
func (t *tail) read(handle func(line string)) (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	file, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Seek(t.offset, io.SeekStart); err != nil {
		return err
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	t.offset += int64(len(content))
	t.rest = append(t.rest, content...)
	for {
		i := bytes.IndexByte(t.rest, '\n')
		if i < 0 {
			return nil
		}
		line := string(t.rest[:i])
		t.rest = t.rest[i+1:]
		handle(line)
	}
}

// follow reads all logs until the run is over.
func (r *run) follow() {
	ticker := time.NewTicker(tailEvery)
	defer ticker.Stop()
	for {
		for _, m := range r.members {
			r.readLog(m)
		}
		select {
		case <-ticker.C:
		case <-r.followUntil:
			return
		}
	}
}

// readLog handles what a host has logged since.
func (r *run) readLog(m *member) {
	if m.tail == nil {
		return
	}
	if err := m.tail.read(func(line string) { r.line(m, line) }); err != nil {
		r.fail(err)
	}
}

// line looks at one line of a host's log.
func (r *run) line(m *member, line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.lastWords = append(m.lastWords, line); len(m.lastWords) > lastWordsMax {
		m.lastWords = m.lastWords[1:]
	}
	if !strings.HasPrefix(line, "time=") {
		return // a panic's, or an error that a process ends with
	}
	r.lineAt = r.timeOf(line)
	if err := r.witness.Line(m.name, line); err != nil {
		r.failLocked(err)
	}
	r.lineAt = 0
	switch {
	case strings.Contains(line, acceptedLine):
		m.accepted = true
		if m.refuse {
			r.violateLocked(RuleRefused, m.name+" was accepted with a data folder that another has replaced")
		}
	case strings.Contains(line, rejoinedLine):
		for _, a := range m.rejoining {
			r.happenLocked(a)
		}
		m.rejoining = nil
	case strings.Contains(line, slowLine):
		if a := m.failpoints[SlowSync]; a != nil {
			r.happenLocked(a)
		}
	}
}

// Lines of the product's logs that tell of things which no other line tells.
const (
	acceptedLine = `msg="the metadata service has accepted this host"`
	rejoinedLine = `msg="rejoined a group"`
	slowLine     = `msg="the disk is slow"`
)

// timeOf is the time of the run at which a line was logged; now if the line does not say.
func (r *run) timeOf(line string) time.Duration {
	text, _, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return r.now()
	}
	return max(1, at.Sub(r.startedAt))
}
