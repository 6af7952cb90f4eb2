package report

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chasqui/linearizability"
	"chasqui/sim"

	"github.com/stretchr/testify/require"
)

func files(t *testing.T, r *sim.Result, replay string) map[string][]byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a", "b")
	require.NoError(t, Write(dir, r, replay))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	all := map[string][]byte{}
	for _, entry := range entries {
		all[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
	}
	return all
}

// pageData takes the data out of a page and requires that the page is made of its parts and nothing else.
func pageData(t *testing.T, page []byte) map[string]any {
	t.Helper()
	text := string(page)
	require.Equal(t, 2, strings.Count(text, "<script"))
	require.Equal(t, 2, strings.Count(text, "</script"))
	require.Equal(t, 1, strings.Count(text, "</style"))
	require.NotContains(t, text, "<!--")
	require.NotContains(t, text, "{{")
	require.True(t, strings.HasSuffix(text, "</html>\n"))
	_, rest, ok := strings.Cut(text, `<script id="data" type="application/json">`)
	require.True(t, ok)
	raw, _, _ := strings.Cut(rest, "</script>")
	var found map[string]any
	require.NoError(t, json.Unmarshal([]byte(raw), &found))
	return found
}

func TestWriteLeavesEverything(t *testing.T) {
	r := deposed()
	all := files(t, r, "make sim SEED=42")
	require.Len(t, all, 6)
	require.Contains(t, string(all[PorcupineFile]), "m-7f3a")
	require.Contains(t, string(all[PorcupineFile]), "cut")
	require.Contains(t, string(all[StoryFile]), "["+PorcupineFile+"]")

	history, err := linearizability.ReadJSONL(bytes.NewReader(all[HistoryFile]))
	require.NoError(t, err)
	require.Equal(t, r.History, history)

	var s sim.Scenario
	require.NoError(t, json.Unmarshal(all[ConfigFile], &s))
	require.Equal(t, *r.Scenario, s)

	var story strings.Builder
	require.NoError(t, Story(&story, r, "make sim SEED=42"))
	require.Equal(t, story.String(), string(all[StoryFile]))

	data := pageData(t, all[TimelineFile])
	require.Equal(t, "42", data["seed"])
	require.Equal(t, "safety", data["verdict"])
	require.Len(t, data["ops"], len(r.History))
	require.Len(t, data["hosts"], len(r.Hosts))
	require.Len(t, data["lives"], 10+2+2, "servers, those started again, clients")
	require.Len(t, data["spans"], 5)
	require.Equal(t, story.String(), data["story"])
	require.False(t, bytes.Contains(all[TimelineFile], []byte("://")), "the page needs no network")
}

func TestTheSameResultGivesTheSameBytes(t *testing.T) {
	first, second := busy(3000), busy(3000)
	second.RealTime = 12345 // differs between runs that are equal otherwise
	a, b := files(t, first, "make sim"), files(t, second, "make sim")
	delete(a, PorcupineFile) // porcupine does not promise it
	delete(b, PorcupineFile)
	require.Equal(t, a, b)
}

func TestReportsReplaceOlderOnes(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Write(dir, busy(100), "make sim SEED=1"))
	require.NoError(t, Write(dir, deposed(), "make sim SEED=42"))
	story, err := os.ReadFile(filepath.Join(dir, StoryFile))
	require.NoError(t, err)
	require.Contains(t, string(story), "Seed 42")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 6, "no half of a file is left")

	require.NoError(t, Write(dir, busy(100), "make sim SEED=1")) // nothing that porcupine judges
	require.NoFileExists(t, filepath.Join(dir, PorcupineFile))
}

func TestHostileTextStaysText(t *testing.T) {
	const hostile = "</script><script>alert(1)</script><!-- {{DATA}} {{PROGRAM}} \u2028 \x00 \xff `$(id)` '\"\nrm -rf /"
	r := deposed()
	r.Scenario.Name = hostile
	r.History[0].Body, r.History[0].Error, r.History[0].Queue, r.History[0].Client = hostile, hostile, hostile, hostile
	r.History[0].Attributes = map[string]string{hostile: hostile}
	r.Violations[0].Text += hostile
	r.Violations[0].Rule = hostile
	r.Story = append(r.Story, moment(0, "log", hostile, "backend-1"), moment(0, "leads", "backend-1 leads "+hostile+" in term 3", "backend-1"),
		moment(0, "fault", hostile, hostile), moment(0, "exit", hostile, "backend-3"))
	all := files(t, r, "echo replayed")

	// What is hostile is written with a marker: the placeholders in it are not replaced, and nothing ends its element.
	page := bytes.ReplaceAll(all[TimelineFile], []byte("{{DATA}} {{PROGRAM}}"), []byte("placeholders"))
	data := pageData(t, page)
	require.NotContains(t, string(page), "<script>alert")
	require.Contains(t, data["title"], "</script><script>alert(1)</script>")

	path := filepath.Join(t.TempDir(), ReplayFile)
	require.NoError(t, os.WriteFile(path, all[ReplayFile], 0o755))
	output, err := exec.Command("/bin/sh", path).CombinedOutput()
	require.NoError(t, err, string(output))
	require.Equal(t, "replayed\n", string(output), "nothing but the command runs")
	require.LessOrEqual(t, bytes.Count(all[StoryFile], []byte("\n")), storyLinesMax)
}

func TestReplayIsOneExecutableLine(t *testing.T) {
	dir := t.TempDir()
	require.ErrorContains(t, Write(dir, deposed(), "make\nsim"), "not one line")
	require.NoError(t, Write(dir, deposed(), "echo 'two words'"))
	info, err := os.Stat(filepath.Join(dir, ReplayFile))
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&0o111)
	output, err := exec.Command(filepath.Join(dir, ReplayFile)).Output()
	require.NoError(t, err)
	require.Equal(t, "two words\n", string(output))
}

func TestWriteTellsWhatItCannotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	require.Error(t, Write(path, deposed(), "make sim"))
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, ReplayFile), 0o755))
	require.ErrorContains(t, Write(dir, deposed(), "make sim"), ReplayFile)
}

func TestAPageOfAnEmptyResult(t *testing.T) {
	data := pageData(t, files(t, &sim.Result{Scenario: &sim.Scenario{Seed: 1}}, "make sim")[TimelineFile])
	for _, list := range []string{"hosts", "lives", "groups", "reigns", "holds", "spans", "notes", "breaches", "messages", "threads", "ops", "rules", "kinds", "outcomes", "queues", "texts"} {
		require.IsType(t, []any{}, data[list], "%s is a list", list)
	}
}
