package linearizability

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// What a replica says that it applied (chasqui backend --apply-log; the format is in the comment of leader.ApplyLog).

// Applied is one entry of the log of a group of replicas.
type Applied struct {
	Group string
	Index uint64
	// AtMs is the replicated time of the entry, in milliseconds since 1970.
	AtMs int64
	// Seen is when the first replica said that it had applied it, in nanoseconds since the beginning of the run.
	Seen int64
	// Commands is the text of the entry's commands and results. It is the same on every replica.
	Commands string
}

// appliedCommand is one command and its result.
type appliedCommand struct {
	kind                            string
	partition                       string // queue/partition
	session, seq, lowWater, version uint64

	settings       uint64       // configure, drop: their version
	fifo, perGroup bool         // configure, drop
	retention      int64        // configure, drop
	delay          int64        // configure, drop: that of a FIFO queue
	delivery       string       // configure, drop
	keep           int64        // drop: for how long the queue can be restored; 0 is not at all
	maxReceives    uint64       // configure, drop: after how many receives messages move; 0 is never
	sends          []appliedMsg // send
	most           int          // receive
	attempt        string       // receive
	visibility     int64        // receive
	handles        []appliedMsg // delete, visibility
	code           string
	took           bool         // receive: it removed what it delivered
	out            []appliedMsg // sent messages, or delivered ones
	codes          []string     // delete, visibility

	origin    string         // transfer: the partition that the messages come from
	moved     []appliedMoved // transfer
	stored    []appliedMsg   // transfer: those that had not come before, as the naive queue stores them
	through   uint64         // settle: the number of the last move that has ended
	returned  bool           // settle: the messages stay where they were
	operation string         // move-task
	task      string         // move-task: the id of a task that is started or cancelled
	rateMilli uint64         // move-task: of a task that is started
	targeted  bool           // move-task: its messages move to one queue, and not each to the one that it came from
	tasks     []appliedTask  // move-task: what a list shows
	asides    []appliedAside // receive, move-task: what was set aside to move
}

// appliedMoved is a message as it arrives in another queue. It has a source if it arrives in the dead-letter queue of that.
type appliedMoved struct {
	number    uint64
	id, group string
	sentMs    int64
	receives  uint64
	source    string
}

// appliedTask is a partition's part of a message move task.
type appliedTask struct {
	id     string
	status taskStatus
	moved  uint64
}

// appliedAside is a message that is set aside, by the number of its move.
type appliedAside struct{ number, seq uint64 }

// The operations on tasks and the states of tasks, as replicas number them.
const (
	taskStart  = "1"
	taskCancel = "2"
	taskStep   = "3"
	taskList   = "4"

	taskRunning   taskStatus = "0"
	taskCompleted taskStatus = "1"
	taskCancelled taskStatus = "2"
	taskFailed    taskStatus = "3"
)

type taskStatus string

// appliedMsg is what a command or result says of one message. Which fields count depends on where it is.
type appliedMsg struct {
	id, group, dedup string
	seq, receive     uint64
	ms               int64 // a delay or a visibility timeout
	duplicate        bool
	code             string
}

// parseCommands reads the commands of an entry.
func parseCommands(text string) ([]appliedCommand, error) {
	var commands []appliedCommand
	for _, one := range strings.Split(text, ";") {
		c, err := parseCommand(one)
		if err != nil {
			return nil, fmt.Errorf("applied command %q: %w", one, err)
		}
		commands = append(commands, c)
	}
	return commands, nil
}

// appliedFields is the number of fields of a command.
const appliedFields = 10

func parseCommand(text string) (appliedCommand, error) {
	fields := strings.Split(text, "/")
	if len(fields) != appliedFields {
		return appliedCommand{}, fmt.Errorf("%d fields, %d expected", len(fields), appliedFields)
	}
	r := appliedReader{}
	c := appliedCommand{
		kind: fields[0], partition: fields[1] + "/" + fields[2], session: r.unsigned(fields[3]), seq: r.unsigned(fields[4]),
		lowWater: r.unsigned(fields[5]), version: r.unsigned(fields[6]), code: fields[8],
	}
	input, output := fields[7], fields[9]
	switch c.kind {
	case "configure":
		c.readSettings(&r, r.parts(input, settingsParts))
	case "drop":
		if input != "" {
			p := r.parts(input, settingsParts+1)
			c.readSettings(&r, p[:settingsParts])
			c.keep = r.signed(p[settingsParts])
		}
	case "send":
		for _, entry := range r.entries(input) {
			p := r.parts(entry, 4)
			c.sends = append(c.sends, appliedMsg{id: p[0], group: r.name(p[1]), dedup: r.name(p[2]), ms: r.signed(p[3])})
		}
		for _, entry := range r.entries(output) {
			p := r.parts(entry, 4)
			c.out = append(c.out, appliedMsg{id: p[0], seq: r.unsigned(p[1]), duplicate: p[2] == "1", code: p[3]})
		}
	case "receive":
		p := r.parts(input, 3)
		c.most, c.visibility, c.attempt = int(r.signed(p[0])), r.signed(p[1]), r.name(p[2])
		for _, entry := range r.entries(output) {
			if p := r.parts(entry, 3); !c.readAside(&r, p) {
				c.out = append(c.out, appliedMsg{id: p[0], seq: r.unsigned(p[1]), receive: r.unsigned(p[2])})
			}
		}
	case "delete", "visibility":
		for _, entry := range r.entries(input) {
			if c.kind == "delete" {
				entry += ":0"
			}
			p := r.parts(entry, 3)
			c.handles = append(c.handles, appliedMsg{seq: r.unsigned(p[0]), receive: r.unsigned(p[1]), ms: r.signed(p[2])})
		}
		c.codes = r.entries(output)
	case "transfer":
		for i, entry := range r.entries(input) {
			if i == 0 {
				c.origin = strings.Replace(entry, ".", "/", 1)
				continue
			}
			p := r.parts(entry, 6)
			c.moved = append(c.moved, appliedMoved{r.unsigned(p[0]), p[1], r.name(p[2]), r.signed(p[3]), r.unsigned(p[4]), r.name(p[5])})
		}
	case "settle":
		p := r.parts(input, 2)
		c.through, c.returned = r.unsigned(p[0]), p[1] == "1"
	case "move-task":
		p := r.parts(input, 4)
		c.operation, c.task, c.rateMilli, c.targeted = p[0], p[1], r.unsigned(p[2]), p[3] == "1"
		for _, entry := range r.entries(output) {
			if p := r.parts(entry, 3); !c.readAside(&r, p) {
				c.tasks = append(c.tasks, appliedTask{p[0], taskStatus(p[1]), r.unsigned(p[2])})
			}
		}
	case "purge", "expire":
	default:
		r.fail("kind %q is not known", c.kind)
	}
	return c, r.err
}

// settingsParts is the number of parts of a queue's settings.
const settingsParts = 7

func (c *appliedCommand) readSettings(r *appliedReader, p []string) {
	c.settings, c.fifo, c.retention, c.perGroup, c.delivery = r.unsigned(p[0]), p[1] == "1", r.signed(p[2]), p[3] == "1", p[4]
	if !slices.Contains([]string{deliveredAtLeastOnce, deliveredAtMostOnce, deliveredExactlyOnce}, c.delivery) {
		r.fail("delivery %q is not known", c.delivery)
	}
	c.maxReceives, c.delay = r.unsigned(p[5]), r.signed(p[6])
}

// readAside reads an entry of an output if it is about a message that was set aside.
func (c *appliedCommand) readAside(r *appliedReader, p []string) bool {
	if p[0] != "aside" {
		return false
	}
	c.asides = append(c.asides, appliedAside{r.unsigned(p[1]), r.unsigned(p[2])})
	return true
}

// appliedReader reads parts of a command and keeps the first error.
type appliedReader struct{ err error }

func (r *appliedReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *appliedReader) entries(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "+")
}

func (r *appliedReader) parts(text string, n int) []string {
	parts := strings.Split(text, ":")
	if len(parts) != n {
		r.fail("%q has %d parts, %d expected", text, len(parts), n)
		return slices.Repeat([]string{"0"}, n)
	}
	return parts
}

func (r *appliedReader) unsigned(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		r.fail("%q is no number", text)
	}
	return n
}

func (r *appliedReader) signed(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		r.fail("%q is no number", text)
	}
	return n
}

func (r *appliedReader) name(text string) string {
	name, err := url.PathUnescape(text)
	if err != nil {
		r.fail("%q is no name", text)
	}
	return name
}
