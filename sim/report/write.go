package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"chasqui/linearizability"
	"chasqui/sim"
)

// The files of a folder that Write leaves.
const (
	StoryFile    = "story.md"
	TimelineFile = "timeline.html"
	HistoryFile  = "history.jsonl"
	ConfigFile   = "config.json"
	ReplayFile   = "replay.sh"
	// PorcupineFile is there if porcupine had something to judge. Its bytes differ from report to report.
	PorcupineFile = "porcupine.html"
)

// Write makes the folder dir, with those above it, and writes what a run has shown into it; files of an earlier report
// are replaced. replay is the shell command that runs the same scenario again from the root of the repository, on one
// line; arguments in it must be quoted as a shell wants them.
func Write(dir string, r *sim.Result, replay string) error {
	if strings.ContainsFunc(replay, unicode.IsControl) {
		return fmt.Errorf("report: the replay command %q is not one line of text", replay)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	f := gather(r)
	if f.unpictured != nil {
		return fmt.Errorf("report: %w", f.unpictured)
	}
	if err := f.writePicture(filepath.Join(dir, PorcupineFile)); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for _, file := range []struct {
		name  string
		mode  os.FileMode
		write func(w io.Writer) error
	}{
		{StoryFile, 0o644, func(w io.Writer) error {
			_, err := io.WriteString(w, f.story(replay))
			return err
		}},
		{TimelineFile, 0o644, func(w io.Writer) error { return f.timeline(w, replay) }},
		{HistoryFile, 0o644, func(w io.Writer) error { return linearizability.WriteJSONL(w, r.History) }},
		{ConfigFile, 0o644, r.Scenario.Write},
		{ReplayFile, 0o755, func(w io.Writer) error {
			_, err := io.WriteString(w, f.script(replay))
			return err
		}},
	} {
		if err := writeFile(filepath.Join(dir, file.name), file.mode, file.write); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}

// writePicture writes porcupine's page, or removes that of an earlier report if there is none.
func (f *facts) writePicture(path string) error {
	if f.pictured != "" {
		return writeFile(path, 0o644, func(w io.Writer) error {
			_, err := w.Write(f.picture)
			return err
		})
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove an earlier picture: %w", err)
	}
	return nil
}

// writeFile writes a file under another name first, so that a reader never sees half of one.
func writeFile(path string, mode os.FileMode, write func(w io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
			file.Close()           // fails if it was closed before; the first error counts
			os.Remove(file.Name()) // what is left of it does no harm
		}
	}()
	buffered := bufio.NewWriter(file)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := file.Chmod(mode); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// script is replay.sh. Whatever comes from the run is in comments of one line each, which no text can leave.
func (f *facts) script(replay string) string {
	about := "A seed belongs to one binary: build the commit that the run was made with.\n" +
		"# The hash of the run was " + fmt.Sprintf("%016x", f.result.Hash) + "; its scenario is in " + ConfigFile + ".\n"
	if f.result.Real {
		about = "The same seed gives the same plan of faults, in " + ConfigFile + "; what they meet is another moment each time.\n"
	}
	return "#!/bin/sh\n" +
		"# " + oneLine(f.title()) + "\n" +
		"# Run this from the root of the repository. " + about +
		"set -e\n" +
		replay + "\n"
}
