package memdisk

import (
	"path"

	"github.com/cespare/xxhash/v2"
)

// FileInfo is what an observer sees of a file or a folder.
type FileInfo struct {
	// Name is the path from the data folder.
	Name string
	// Folder tells a folder from a file; a folder has none of what follows.
	Folder bool
	// Size is the length that readers see, DurableSize the length that is surely there after a crash.
	Size, DurableSize int64
	// Hash is the xxhash of the bytes that readers see.
	Hash uint64
}

// Files returns all folders and files, each folder before what is in it, names in order.
func (d *Disk) Files() []FileInfo {
	d.mu.Lock()
	defer d.mu.Unlock()
	var files []FileInfo
	var walk func(folder *entry, at string)
	walk = func(folder *entry, at string) {
		for _, name := range sortedNames(folder.children) {
			e, name := folder.children[name], path.Join(at, name)
			if e.isFolder() {
				files = append(files, FileInfo{Name: name, Folder: true})
				walk(e, name)
				continue
			}
			files = append(files, FileInfo{Name: name, Size: e.data.size, DurableSize: e.stable.size, Hash: e.hash()})
		}
	}
	walk(d.root, "")
	return files
}

// hash returns the hash of a file's bytes.
func (e *entry) hash() uint64 {
	if e.hashed {
		return e.digest
	}
	digest := xxhash.New()
	for i, rest := int64(0), e.data.size; rest > 0; i, rest = i+1, rest-pageBytes {
		// Write never fails.
		_, _ = digest.Write(e.data.page(i)[:min(rest, pageBytes)])
	}
	e.digest, e.hashed = digest.Sum64(), true
	return e.digest
}

// Contents returns a copy of what a reader of the file sees at the moment.
func (d *Disk) Contents(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.file("read", name)
	if err != nil {
		return nil, err
	}
	content := make([]byte, e.data.size)
	e.data.read(content, 0)
	return content, nil
}

// NameOf returns the name that an open file has at the moment; false if it has none any more.
func (d *Disk) NameOf(f *File) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var find func(folder *entry, at string) (string, bool)
	find = func(folder *entry, at string) (string, bool) {
		for _, name := range sortedNames(folder.children) {
			e, name := folder.children[name], path.Join(at, name)
			if e == f.entry {
				return name, true
			}
			if found, ok := find(e, name); ok {
				return found, true
			}
		}
		return "", false
	}
	return find(d.root, "")
}

// ReadStale is ReadAt of a disk that answers with what was there before the last write of the file. It reads at most
// to the end of the file; stale tells whether anything in p differs from what ReadAt would give.
func (f *File) ReadStale(p []byte, offset int64) (n int, stale bool, err error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.open("read"); err != nil {
		return 0, false, err
	}
	n = f.entry.data.read(p, offset)
	return n, f.entry.before.undo(p[:n], offset), nil
}
