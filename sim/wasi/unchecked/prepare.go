package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// engineModule is the module that is changed.
const engineModule = "github.com/tetratelabs/wazero"

// tag is the build tag that picks the changed file.
const tag = "unchecked"

// The one file that is changed, and the part of it that is left out: from where the text begins to where the next one
// does. It computes the end of the access and leaves the program if that is behind the memory. What follows it needs
// the address with 64 bits, which the part computes too.
const (
	changedFile = "internal/engine/wazevo/frontend/lower.go"
	changedCopy = "internal/engine/wazevo/frontend/lower_unchecked.go"
	checkBegins = `	ceilConst := builder.AllocateInstruction()
	ceilConst.AsIconst64(ceil)
	builder.InsertInstruction(ceilConst)

	// We calculate the offset in 64-bit space.
`
	addressAgain = `	extBaseAddr := builder.AllocateInstruction().
		AsUExtend(baseAddr, 32, 64).
		Insert(builder).
		Return()

`
	checkEnds = `	// Load the value from memBase + extBaseAddr.
`
)

// errDoesNotFit means that the engine's source is not what this command knows: another version.
var errDoesNotFit = errors.New("the engine's source has changed")

// prepare writes the changed engine and a go.mod that uses it into a folder. product is the product's folder.
func prepare(product, folder, goos, goarch string) error {
	if goos == "windows" || !slices.Contains([]string{"amd64", "arm64"}, goarch) {
		return fmt.Errorf("memory cannot be kept free on %s/%s: use the plain build", goos, goarch)
	}
	engine, err := moduleFolder(product)
	if err != nil {
		return err
	}
	copied := filepath.Join(folder, "wazero")
	if err := os.RemoveAll(copied); err != nil {
		return fmt.Errorf("remove an earlier copy: %w", err)
	}
	if err := copySource(engine, copied); err != nil {
		return fmt.Errorf("copy the engine: %w", err)
	}
	if err := leaveOutCheck(copied); err != nil {
		return err
	}
	return writeModule(product, folder, copied)
}

// moduleFolder returns where the go command keeps the engine's source, in the version that the product uses. On a machine
// that has not built the product yet it is downloaded.
func moduleFolder(product string) (string, error) {
	command := exec.Command("go", "mod", "download", "-json", engineModule)
	command.Dir = product
	said, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("find the engine: %w", err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(said, &module); err != nil {
		return "", fmt.Errorf("find the engine: %w", err)
	}
	return module.Dir, nil
}

// copySource copies what a build needs of a module.
func copySource(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if name == "testdata" || strings.HasPrefix(name, ".") && path != from {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, relative), 0o755)
		}
		source := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".s")
		if !source && name != "go.mod" && name != "go.sum" && name != "LICENSE" && name != "NOTICE" {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, relative), content, 0o644)
	})
}

// leaveOutCheck puts a second form of the file beside it; the build tag picks one.
func leaveOutCheck(engine string) error {
	path := filepath.Join(engine, filepath.FromSlash(changedFile))
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%w: %w", errDoesNotFit, err)
	}
	changed, err := withoutCheck(string(content))
	if err != nil {
		return err
	}
	err = os.WriteFile(path, append([]byte("//go:build !"+tag+"\n\n"), content...), 0o644)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(engine, filepath.FromSlash(changedCopy)), []byte("//go:build "+tag+"\n\n"+changed), 0o644)
}

// withoutCheck returns the source text without the comparison.
func withoutCheck(source string) (string, error) {
	before, rest, found := strings.Cut(source, checkBegins)
	check, after, foundEnd := strings.Cut(rest, checkEnds)
	switch {
	case !found || !foundEnd:
		return "", fmt.Errorf("%w: %s has no such check", errDoesNotFit, changedFile)
	case strings.Contains(after, checkBegins), strings.Count(check, "\n") > 25, !strings.Contains(check, addressAgain),
		!strings.Contains(check, "ExitCodeMemoryOutOfBounds"):
		return "", fmt.Errorf("%w: the check in %s is another one", errDoesNotFit, changedFile)
	}
	return before + addressAgain + checkEnds + after, nil
}

// writeModule writes the product's go.mod with the engine replaced, and its go.sum, which belongs beside it.
func writeModule(product, folder, engine string) error {
	absolute, err := filepath.Abs(engine)
	if err != nil {
		return err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(product, name))
		if err != nil {
			return err
		}
		if name == "go.mod" {
			content = fmt.Appendf(content, "\nreplace %s => %s\n", engineModule, absolute)
		}
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
