package suite

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folder makes the folder of a seed's run, in place of that of an earlier run of the seed.
func Folder(keep string, seed uint64) (string, error) {
	dir := filepath.Join(keep, fmt.Sprintf("seed-%d", seed))
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("remove an earlier run: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make a folder for the run: %w", err)
	}
	return dir, nil
}

// Tidy removes the data folders of a run, whose logs and report stay.
func Tidy(dir string) error {
	var errs []error
	for _, name := range append(slices.Concat(hostsOf(metadataRole), hostsOf(backendRole)), lostFolder) {
		errs = append(errs, os.RemoveAll(filepath.Join(dir, name)))
	}
	return errors.Join(errs...)
}

// errorLinesShown is how many lines of the logs are printed after a failure; the timeline has all of them.
const errorLinesShown = 10

// WriteErrorLines writes the first lines of level ERROR in the logs of a run in order of time, each with its host's name, and
// how many there are.
func WriteErrorLines(w io.Writer, dir string) error {
	var lines []string
	for _, name := range servers() {
		of, err := errorLines(filepath.Join(dir, logsFolder, name+".log"))
		if err != nil {
			return fmt.Errorf("read the log of %s: %w", name, err)
		}
		lines = append(lines, of...)
	}
	slices.Sort(lines) // each begins with its time
	_, err := fmt.Fprintf(w, "\n%d lines of level ERROR in the logs\n", len(lines))
	for _, line := range lines[:min(len(lines), errorLinesShown)] {
		_, writeErr := fmt.Fprintln(w, excerpt(line))
		err = errors.Join(err, writeErr)
	}
	return err
}

// lineBytesMax bounds a line of a log.
const lineBytesMax = 1 << 20

func errorLines(path string) (lines []string, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, lineBytesMax)
	for scanner.Scan() {
		if strings.Contains(scanner.Text(), " level=ERROR ") {
			lines = append(lines, scanner.Text())
		}
	}
	return lines, scanner.Err()
}
