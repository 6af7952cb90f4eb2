//go:build failpoint && unix

package wal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node/nodetest"
	"chasqui/node/real"
)

// The markers failpoint.Inject do nothing until failpoint-ctl has rewritten them: "make failpoints" does so on a copy of
// this tree and runs the tests of this file there.

const (
	// victimVariable makes this test binary a victim: it writes to the journal in the folder that the variable names.
	victimVariable = "CHASQUI_TEST_FAILPOINT_VICTIM"
	victimGroups   = 3
	// victimSteps is more than any failpoint lets a victim do.
	victimSteps = 400
	victimSeed  = 14
)

// failpointPrefix is how failpoint-ctl qualifies the names of this package's failpoints.
const failpointPrefix = "chasqui/node/wal/"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimVariable); dir != "" {
		if err := beVictim(dir); err != nil {
			fmt.Fprintln(os.Stderr, "victim:", err)
			os.Exit(3)
		}
		return
	}
	os.Exit(m.Run())
}

// victimStep is the step with the given number: the same in the victim and in the test that looks at its remains.
func victimStep(number int, models *[victimGroups]modelGroup) (group uint32, s step) {
	rng := rand.New(rand.NewPCG(victimSeed, uint64(number)))
	group = uint32(number % victimGroups)
	if number%7 == 6 {
		state := HardState{Term: uint64(number), VoteTerm: uint64(number), VotedFor: []byte("somebody")}
		return group, step{name: "hard state",
			run:    func(g *Group) error { return g.SetHardState(state) },
			change: func(m *modelGroup) { m.state = state }}
	}
	entries := entriesFrom(rng, models[group].last()+1, 1+rng.IntN(3), 10_000)
	return group, step{name: "append", entries: entries,
		run:    func(g *Group) error { return g.Append(entries) },
		change: func(m *modelGroup) { m.append(entries) }}
}

// beVictim carries out steps, and says so after each, until a failpoint ends it.
func beVictim(dir string) error {
	host, err := real.New(real.Options{Name: "victim", DataDir: dir, LogOutput: io.Discard})
	if err != nil {
		return err
	}
	j, err := Open(host, testDir, smallConfig())
	if err != nil {
		return err
	}
	var models [victimGroups]modelGroup
	for number := range victimSteps {
		group, s := victimStep(number, &models)
		err := s.run(j.Group(group))
		if errors.Is(err, ErrClosed) {
			select {} // the writer is on its way down through its defers, and the process with it
		}
		if err != nil {
			return err
		}
		s.change(&models[group])
		if _, err := fmt.Println("acknowledged", number); err != nil {
			return err
		}
	}
	return errors.New("the failpoint did nothing: are the markers rewritten?")
}

// TestDeathAtAFailpointLosesNothing ends a process at each failpoint, the first time that it is reached and later ones.
// The journal that it leaves has everything that was acknowledged, and at most the step under way besides.
func TestDeathAtAFailpointLosesNothing(t *testing.T) {
	for _, c := range []struct {
		point  string
		passes []int // how often the victim passes the point unharmed
	}{
		{"wal/beforeNewSegment", []int{0, 1, 3}},
		{"wal/beforeWrite", []int{0, 1, 2, 50, 100}},
		{"wal/afterWrite", []int{0, 1, 2, 50, 100}},
		{"wal/beforeSync", []int{0, 1, 2, 50, 100}},
		{"wal/afterSync", []int{0, 1, 2, 50, 100}},
		{"wal/beforeDiskWrite", []int{0, 1, 2, 50, 100}},
		{"wal/beforeDiskSync", []int{0, 1, 2, 50, 100}},
	} {
		for _, passes := range c.passes {
			t.Run(fmt.Sprintf("%s after %d", c.point, passes), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				acknowledged := killAt(t, dir, c.point, passes)
				if passes > 2 {
					require.Positive(t, acknowledged)
				}
				known := newProgress(victimGroups)
				var models [victimGroups]modelGroup
				for number := range acknowledged {
					group, s := victimStep(number, &models)
					s.change(&models[group])
				}
				copy(known.groups, models[:])
				group, s := victimStep(acknowledged, &models)
				known.underWay[group] = &s

				j, err := Open(nodetest.RealHostIn(t, "host", dir), testDir, smallConfig())
				require.NoError(t, err)
				require.NoError(t, known.recognise(j))
				require.NoError(t, j.Group(victimGroups).Append(entriesFrom(rand.New(rand.NewPCG(1, 1)), 1, 3, 100)))
				require.NoError(t, j.Close())
			})
		}
	}
}

// killAt runs a victim on a folder until it dies at a failpoint, and returns how many steps were acknowledged.
func killAt(t *testing.T, dir, point string, passes int) (acknowledged int) {
	t.Helper()
	terms := "panic"
	if passes > 0 {
		terms = fmt.Sprintf("%d*off->panic", passes)
	}
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), victimVariable+"="+dir, "GO_FAILPOINTS="+failpointPrefix+point+"="+terms)
	var said, lastWords bytes.Buffer
	victim.Stdout, victim.Stderr = &said, &lastWords
	var exit *exec.ExitError
	require.ErrorAs(t, victim.Run(), &exit)
	require.Contains(t, lastWords.String(), "failpoint panic", "it died of something else")
	for lines := bufio.NewScanner(&said); lines.Scan(); acknowledged++ {
		require.Equal(t, fmt.Sprintf("acknowledged %d", acknowledged), lines.Text())
	}
	return acknowledged
}
