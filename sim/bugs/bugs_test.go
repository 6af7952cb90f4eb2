package bugs

import (
	"errors"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/linearizability"
)

// moduleDir is the product's folder.
const moduleDir = "../.."

// otherRules are the rules that are not of package linearizability.
var otherRules = []string{
	"one-leader-per-term", "equal-state", "journal-verifies", // sim/invariants.go
	"drains", "sends-again", "unexpected-exit", "impossible-answer", "applied-alike", // sim/result.go
	"one-vip-holder", "drained-gets-nothing", // sim/balancing.go
	"no-storm", // sim/traffic.go
}

func TestTheCatalogue(t *testing.T) {
	rules := slices.Clone(otherRules)
	for _, rule := range append(linearizability.Rules(), linearizability.AuditRules()...) {
		rules = append(rules, string(rule))
	}
	seen := map[string]bool{}
	for _, bug := range All() {
		require.Regexp(t, regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`), bug.Name)
		require.False(t, seen[bug.Name], "%s comes twice", bug.Name)
		seen[bug.Name] = true
		require.Regexp(t, `\.$`, bug.Says, bug.Name)
		require.NotEmpty(t, bug.Edits, bug.Name)
		require.Equal(t, bug.Aid, bug.Rule == "", bug.Name)
		for _, rule := range append(slices.Clone(bug.Also), bug.Rule) {
			require.True(t, bug.Aid || slices.Contains(rules, rule), "%s: there is no rule %q", bug.Name, rule)
		}
		named, err := Named(bug.Name)
		require.NoError(t, err)
		require.Equal(t, bug, named)
	}
	_, err := Named("none")
	require.ErrorContains(t, err, "handle-not-fenced")
}

// TestTheCatalogueCoversTheProduct counts bugs: there are enough, and some in every part of the product.
func TestTheCatalogueCoversTheProduct(t *testing.T) {
	parts, all := map[string]int{}, 0
	for _, bug := range All() {
		if !bug.Aid {
			parts[bug.Part()]++
			all++
		}
	}
	require.GreaterOrEqual(t, all, 42)
	for part, least := range map[string]int{
		"frontend": 5, "metadata": 4, "backend": 8, "journal": 6, "replication": 8, "balancer": 3, "rpc": 2,
	} {
		require.GreaterOrEqual(t, parts[part], least, part)
	}
	require.Len(t, parts, 7, "%v: a part has no name", parts)
}

// packages returns the packages that bugs change.
func packages(bugs []string) []string {
	var all []string
	for _, name := range bugs {
		bug, _ := Named(name)
		for _, edit := range bug.Edits {
			where := "./" + path.Dir(edit.File)
			if edit.Module != "" {
				where = path.Join(edit.Module, path.Dir(edit.File))
			}
			all = append(all, where)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func compile(overlay string, packages []string) (string, error) {
	// Without optimisation it takes half of the time, and the compiler finds the same mistakes.
	c := exec.Command("go", append([]string{"build", "-gcflags=-N -l", "-overlay", overlay}, packages...)...)
	c.Dir = moduleDir
	output, err := c.CombinedOutput()
	return string(output), err
}

// TestEveryBugFitsAndCompiles makes every bug alone, and compiles them together, as many at a time as do not get in each
// other's way: they are independent pieces of code, and a build takes long.
func TestEveryBugFitsAndCompiles(t *testing.T) {
	var batches [][]string
	for _, bug := range All() {
		_, err := Overlay(moduleDir, t.TempDir(), bug.Name)
		require.NoError(t, err)
		joined := false
		for i := range batches {
			with := append(slices.Clone(batches[i]), bug.Name)
			if _, err := Overlay(moduleDir, t.TempDir(), with...); err == nil {
				batches[i], joined = with, true
				break
			} else {
				require.ErrorIs(t, err, ErrDoesNotFit)
			}
		}
		if !joined {
			batches = append(batches, []string{bug.Name})
		}
	}
	for _, batch := range batches {
		overlay, err := Overlay(moduleDir, t.TempDir(), batch...)
		require.NoError(t, err)
		output, err := compile(overlay, packages(batch))
		require.NoError(t, err, "%v:\n%s", batch, output)
	}
}

// TestTheOverlayCounts shows that the go command reads the changed files, of the product and of a module.
func TestTheOverlayCounts(t *testing.T) {
	for name, changed := range map[string]string{
		"handle-not-fenced":         "0-delete.go",
		"commit-without-a-majority": "module-0/commitment.go",
	} {
		work := t.TempDir()
		overlay, err := Overlay(moduleDir, work, name)
		require.NoError(t, err)
		file := filepath.Join(work, changed)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, append(text, "\nvar _ = broken_on_purpose\n"...), 0o644))
		output, err := compile(overlay, packages([]string{name}))
		var failed *exec.ExitError
		require.True(t, errors.As(err, &failed), "%v", err)
		require.Contains(t, output, "broken_on_purpose")
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	work := t.TempDir()
	p := patch{moduleDir: work, workDir: work, texts: map[string]string{}, copies: map[string]string{}}
	require.NoError(t, os.WriteFile(filepath.Join(work, "a.go"), []byte("one two two"), 0o644))
	require.ErrorIs(t, p.apply(Edit{File: "a.go", Old: "two", New: "x"}), ErrDoesNotFit)
	require.ErrorIs(t, p.apply(Edit{File: "a.go", Old: "three", New: "x"}), ErrDoesNotFit)
	require.NoError(t, p.apply(Edit{File: "a.go", Old: "one", New: "1"}))
	require.ErrorIs(t, p.apply(Edit{File: "a.go", Old: "one", New: "1"}), ErrDoesNotFit, "it was replaced before")
	require.ErrorIs(t, p.apply(Edit{File: "b.go", Old: "one", New: "1"}), os.ErrNotExist)
	require.Error(t, p.apply(Edit{Module: "example.com/not-a-dependency", File: "a.go"}))
	_, err := Overlay(moduleDir, work, "handle-not-fenced", "handle-not-fenced")
	require.ErrorIs(t, err, ErrDoesNotFit)
	_, err = Overlay(moduleDir, work, "none")
	require.Error(t, err)
	_, err = Overlay(moduleDir, filepath.Join(work, "missing"), "handle-not-fenced")
	require.ErrorIs(t, err, os.ErrNotExist)
}
