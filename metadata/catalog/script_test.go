package catalog_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"chasqui/metadata/catalog"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// TestScripts runs testdata/*.txt: each line is a command or a comment, and the indented lines below a command are what
// it gave. The language is in script.run.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			got := runScript(t, string(text))
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				return
			}
			require.Equal(t, string(text), got)
		})
	}
}

func runScript(t *testing.T, text string) string {
	s := &script{t: t, catalog: catalog.New()}
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "  ") {
			continue // the output of an earlier run
		}
		out.WriteString(line)
		if command := strings.TrimSpace(line); command != "" && command[0] != '#' {
			for _, output := range s.run(strings.Fields(command)) {
				fmt.Fprintf(&out, "  %s\n", output)
			}
		}
	}
	return out.String()
}

// script is a catalog and the time of the next command.
type script struct {
	t       *testing.T
	catalog *catalog.Catalog
	now     int64
}

// run carries out one command:
//
//	at MS                                        set the time
//	register ID INCARNATION ADDRESS [MS]         register a host, whose data folder was made at MS to replace a lost one
//	assign SLOTS REPLICAS                        spread slots over the registered hosts
//	create|set|delete|purge|restore ACCOUNT NAME WORD...
//	                                             WORD: Attribute=value tag.KEY=VALUE untag.KEY= request=ID cooldown=MS
//	                                             delete: keep=MS force=true; restore: id=ID
//	list ACCOUNT PREFIX AFTER LIMIT              "-" is the empty text
//	cluster                                      show hosts, slots and their load
//	tombstones                                   show deleted queues
//	restorable ACCOUNT PREFIX LIMIT              show those that can be restored
func (s *script) run(words []string) []string {
	switch words[0] {
	case "at":
		s.now = s.number(words[1])
		return nil
	case "register":
		host := catalog.Host{ID: words[1], Incarnation: uint64(s.number(words[2])), Address: words[3]}
		if len(words) > 4 {
			host.RejoinMs = s.number(words[4])
		}
		return s.apply(&catalog.Command{Kind: catalog.KindRegisterHost, Host: host})
	case "assign":
		var ids []string
		for _, h := range s.catalog.Hosts() {
			ids = append(ids, h.ID)
		}
		return s.apply(&catalog.Command{
			Kind: catalog.KindAssignSlots, Assignment: catalog.SpreadSlots(ids, int(s.number(words[1])), int(s.number(words[2]))),
		})
	case "create", "set", "delete", "purge", "restore":
		return s.apply(s.queueCommand(words))
	case "list":
		queues, more := s.catalog.List(words[1], strings.Trim(words[2], "-"), strings.Trim(words[3], "-"), int(s.number(words[4])))
		var names []string
		for _, q := range queues {
			names = append(names, q.Name)
		}
		return []string{fmt.Sprintf("%v more=%v", names, more)}
	case "cluster":
		return s.cluster()
	case "tombstones":
		return describeTombstones(s.catalog.Tombstones())
	case "restorable":
		return describeTombstones(s.catalog.Restorable(words[1], strings.Trim(words[2], "-"), int(s.number(words[3]))))
	default:
		s.t.Fatalf("unknown script command %q", words[0])
		return nil
	}
}

func (s *script) cluster() []string {
	lines := []string{fmt.Sprintf("version=%d load=%v", s.catalog.ClusterVersion(), s.catalog.SlotLoad())}
	for _, h := range s.catalog.Hosts() {
		lines = append(lines, fmt.Sprintf("host %s incarnation=%d address=%s", h.ID, h.Incarnation, h.Address))
	}
	for slot, members := range s.catalog.Assignment() {
		lines = append(lines, fmt.Sprintf("slot %d on %v", slot, members))
	}
	return lines
}

func (s *script) queueCommand(words []string) *catalog.Command {
	command := &catalog.Command{Account: words[1], Name: words[2], CooldownMs: 60_000, Tags: map[string]string{}}
	command.Kind = map[string]catalog.Kind{
		"create": catalog.KindCreateQueue, "set": catalog.KindSetAttributes,
		"delete": catalog.KindDeleteQueue, "purge": catalog.KindMarkPurged, "restore": catalog.KindRestoreQueue,
	}[words[0]]
	for _, word := range words[3:] {
		key, value, ok := strings.Cut(word, "=")
		require.True(s.t, ok, word)
		if tag, ok := strings.CutPrefix(key, "tag."); ok {
			command.Tags[tag] = value
		} else if tag, ok := strings.CutPrefix(key, "untag."); ok {
			command.RemoveTags = append(command.RemoveTags, tag)
		} else if key == "request" {
			copy(command.RequestID[:], value)
		} else if key == "cooldown" {
			command.CooldownMs = s.number(value)
		} else if key == "keep" {
			command.Deletion.RestoreMs = s.number(value)
		} else if key == "id" {
			command.Deletion.QueueID = uint64(s.number(value))
		} else if key == "force" {
			command.Deletion.Force = value == "true"
		} else {
			give(s.t, &command.Patch, key, value)
		}
	}
	return command
}

func (s *script) apply(command *catalog.Command) []string {
	result := s.catalog.Apply(s.now, [][]byte{command.Encode()})[0].(*catalog.Result)
	line := result.Code.String()
	if result.Attribute != "" {
		line += " attribute=" + result.Attribute
	}
	if result.Detail != "" {
		line += ": " + result.Detail
	}
	if result.Queue == nil {
		return []string{line}
	}
	return []string{line + " " + describe(result.Queue)}
}

func describeTombstones(tombstones []*catalog.Tombstone) (lines []string) {
	for _, t := range tombstones {
		line := fmt.Sprintf("id=%d %s/%s slots=%v deleted=%d", t.Queue.ID, t.Queue.Account, t.Queue.Name, t.Queue.Slots, t.DeletedMs)
		if t.Queue.RestoreMs != 0 {
			line += fmt.Sprintf(" restorable-until=%d", t.RestorableUntilMs())
		}
		lines = append(lines, line)
	}
	return lines
}

// describe shows a record, of its attributes only those that differ from the defaults.
func describe(q *catalog.Queue) string {
	line := fmt.Sprintf("id=%d version=%d slots=%v created=%d modified=%d", q.ID, q.Version, q.Slots, q.CreatedMs, q.ModifiedMs)
	if q.PurgedMs != 0 {
		line += fmt.Sprintf(" purged=%d", q.PurgedMs)
	}
	if q.RestoreMs != 0 {
		line += fmt.Sprintf(" restorable-for=%d", q.RestoreMs)
	}
	if q.DedupPerGroup {
		line += " dedup-per-group"
	}
	if len(q.Tags) > 0 {
		line += fmt.Sprintf(" tags=%v", q.Tags) // fmt sorts maps
	}
	values, defaults := attributeTexts(q.Attributes), attributeTexts(catalog.DefaultAttributes(q.FIFO))
	for i, name := range catalog.AttributeNames() {
		if values[i] != defaults[i] {
			line += fmt.Sprintf(" %s=%s", name, values[i])
		}
	}
	return line
}

func (s *script) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(s.t, err)
	return n
}
