package suite

import (
	"bufio"
	"errors"
	"fmt"
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

// ErrorLines returns the lines of level ERROR in the logs of a run, host by host, each with its host's name; at most max, and
// how many there are.
func ErrorLines(dir string, max int) (lines []string, all int, err error) {
	for _, name := range servers() {
		file, err := os.Open(filepath.Join(dir, logsFolder, name+".log"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		scanner := bufio.NewScanner(file)
		scanner.Buffer(nil, lineBytesMax)
		for scanner.Scan() {
			if !strings.Contains(scanner.Text(), " level=ERROR ") {
				continue
			}
			if all++; len(lines) < max {
				lines = append(lines, name+": "+scanner.Text())
			}
		}
		if err := errors.Join(scanner.Err(), file.Close()); err != nil {
			return nil, 0, fmt.Errorf("read the log of %s: %w", name, err)
		}
	}
	return lines, all, nil
}

// lineBytesMax bounds a line of a log.
const lineBytesMax = 1 << 20
