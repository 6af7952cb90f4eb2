package bugs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ErrDoesNotFit means that the text a bug replaces is not in its file exactly once: the product has changed, or another
// bug of the same build has changed it already.
var ErrDoesNotFit = errors.New("the bug does not fit the source")

// overlayFile is what the go command reads.
type overlayFile struct{ Replace map[string]string }

// Overlay writes changed copies of the files that bugs change into workDir, and beside them a file for the -overlay
// flag of the go command, whose path it returns. moduleDir is the product's folder. Errors: ErrDoesNotFit, an unknown
// name, a module that is not among the product's dependencies, or the disk's.
//
// The go command takes no overlay for the modules that it has downloaded. So a module that bugs change is copied into
// workDir, shown by the overlay in a folder of the product, and the overlay's go.mod says to take it from there.
func Overlay(moduleDir, workDir string, names ...string) (overlayJSON string, err error) {
	moduleDir, err = filepath.Abs(moduleDir)
	if err != nil {
		return "", fmt.Errorf("find the product's folder: %w", err)
	}
	workDir, err = filepath.Abs(workDir)
	if err != nil {
		return "", fmt.Errorf("find the folder to work in: %w", err)
	}
	p := patch{moduleDir: moduleDir, workDir: workDir, texts: map[string]string{}, copies: map[string]string{}}
	for _, name := range names {
		bug, err := Named(name)
		if err != nil {
			return "", err
		}
		for _, edit := range bug.Edits {
			if err := p.apply(edit); err != nil {
				return "", fmt.Errorf("bug %s: %w", name, err)
			}
		}
	}
	return p.write()
}

// patch collects changed files of the product; those of other modules are changed in their copies at once.
type patch struct {
	moduleDir, workDir string
	files              []string          // paths of the changed files, in the order of their first change
	texts              map[string]string // what each has become
	copies             map[string]string // folders by module path
}

func (p *patch) apply(edit Edit) error {
	if edit.Module == "" {
		return p.change(filepath.Join(p.moduleDir, filepath.FromSlash(edit.File)), edit.Old, edit.New)
	}
	dir, err := p.copyOf(edit.Module)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, filepath.FromSlash(edit.File))
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the file to change: %w", err)
	}
	changed, err := replaceOnce(path, string(text), edit.Old, edit.New)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		return fmt.Errorf("write a changed file: %w", err)
	}
	return nil
}

// change changes a file of the product, in memory.
func (p *patch) change(path, old, becomes string) error {
	text, known := p.texts[path]
	if !known {
		original, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read the file to change: %w", err)
		}
		text = string(original)
	}
	text, err := replaceOnce(path, text, old, becomes)
	if err != nil {
		return err
	}
	if !known {
		p.files = append(p.files, path)
	}
	p.texts[path] = text
	return nil
}

func replaceOnce(path, text, old, becomes string) (string, error) {
	if n := strings.Count(text, old); n != 1 {
		return "", fmt.Errorf("%w: %s has the text to replace %d times, want once:\n%s", ErrDoesNotFit, path, n, old)
	}
	return strings.Replace(text, old, becomes, 1), nil
}

// copyOf returns the copy of a module's source in the version that the product is built with. The first call makes it.
func (p *patch) copyOf(module string) (string, error) {
	if dir, ok := p.copies[module]; ok {
		return dir, nil
	}
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	list.Dir = p.moduleDir
	var complaint bytes.Buffer
	list.Stderr = &complaint
	output, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("find module %s: %w: %s", module, err, bytes.TrimSpace(complaint.Bytes()))
	}
	source := string(bytes.TrimSpace(output))
	if source == "" {
		return "", fmt.Errorf("find module %s: its source is not on this machine", module)
	}
	dir := filepath.Join(p.workDir, fmt.Sprintf("module-%d", len(p.copies)))
	if err := copySource(source, dir); err != nil {
		return "", fmt.Errorf("copy module %s: %w", module, err)
	}
	mod := filepath.Join(p.moduleDir, "go.mod")
	first := "module " // its line is the one that every go.mod has
	// The program remembers the path of a replacement, so it is one within the product's folder, where only the overlay
	// has it: the program must not depend on where workDir is.
	if err := p.change(mod, first, fmt.Sprintf("replace %s => ./%s\n\n%s", module, filepath.Base(dir), first)); err != nil {
		return "", err
	}
	p.copies[module] = dir
	return dir, nil
}

// copySource copies a module without its tests. Copies can be written to, which the go command's own files cannot.
func copySource(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, relative), 0o755)
		case strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, relative), text, 0o644)
	})
}

// show makes the files of a module's copy appear in a folder of the product.
func (p *patch) show(overlay *overlayFile, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(p.workDir, path)
		if err != nil {
			return err
		}
		overlay.Replace[filepath.Join(p.moduleDir, relative)] = path
		return nil
	})
}

func (p *patch) write() (string, error) {
	overlay := overlayFile{Replace: map[string]string{}}
	for i, path := range p.files {
		changed := filepath.Join(p.workDir, fmt.Sprintf("%d-%s", i, filepath.Base(path)))
		if err := os.WriteFile(changed, []byte(p.texts[path]), 0o644); err != nil {
			return "", fmt.Errorf("write a changed file: %w", err)
		}
		overlay.Replace[path] = changed
	}
	for _, module := range slices.Sorted(maps.Keys(p.copies)) {
		if err := p.show(&overlay, p.copies[module]); err != nil {
			return "", fmt.Errorf("show the copy of module %s: %w", module, err)
		}
	}
	text, err := json.MarshalIndent(overlay, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode the overlay: %w", err)
	}
	name := filepath.Join(p.workDir, "overlay.json")
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	return name, nil
}
