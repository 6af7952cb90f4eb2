package memdisk

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// state says how much of a change would survive a power cut.
type state uint8

const (
	unsynced state = iota // may survive or not; the next good sync makes it durable
	doomed                // a sync of it failed: may survive or not, whatever later syncs return
	durable               // survives
)

// entry is a file or a folder, apart from its name (an inode).
type entry struct {
	// A folder has children: the names as they are at the moment. synced holds the names that are durable, steps the
	// changes since, oldest first. Replaying every step over synced gives children.
	children map[string]*entry
	synced   map[string]*entry
	steps    []*step

	// A file has data: the bytes as they are at the moment. stable holds those that are durable, changes the writes
	// since, oldest first. Replaying every change over stable gives data.
	data    content
	stable  content
	changes []change
	before  lastWrite
	digest  uint64 // of data, if hashed
	hashed  bool
	linked  bool // the file has a name, so that its length counts against the capacity
}

// step is one change of a name in a folder. A rename is a step of the folder it moves to.
type step struct {
	order    uint64 // rises over all changes of a disk
	name     string
	target   *entry // nil: the name was removed
	from     *entry // the folder that a rename moves from, else nil
	fromName string
	state    state
}

func (e *entry) isFolder() bool { return e.children != nil }

// newFolder returns an empty folder without a name.
func (d *Disk) newFolder() *entry {
	folder := &entry{children: map[string]*entry{}, synced: map[string]*entry{}}
	d.folders = append(d.folders, folder)
	return folder
}

// lookup walks from the root to name. Errors are fs.ErrNotExist, or one saying that a file stands in the way.
func (d *Disk) lookup(op, name string) (*entry, error) {
	e := d.root
	if name == "." {
		return e, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if !e.isFolder() {
			return nil, pathError(op, name, ErrNotFolder)
		}
		if e = e.children[part]; e == nil {
			return nil, pathError(op, name, fs.ErrNotExist)
		}
	}
	return e, nil
}

// file is lookup for files.
func (d *Disk) file(op, name string) (*entry, error) {
	e, err := d.lookup(op, name)
	if err != nil {
		return nil, err
	}
	if e.isFolder() {
		return nil, pathError(op, name, ErrIsFolder)
	}
	return e, nil
}

// folder is lookup for folders.
func (d *Disk) folder(op, name string) (*entry, error) {
	e, err := d.lookup(op, name)
	if err != nil {
		return nil, err
	}
	if !e.isFolder() {
		return nil, pathError(op, name, ErrNotFolder)
	}
	return e, nil
}

// parent returns the folder that name is in, and the name within it.
func (d *Disk) parent(op, name string) (*entry, string, error) {
	folder, err := d.folder(op, path.Dir(name))
	return folder, path.Base(name), err
}

// name makes one change of a name: target nil removes it.
func (d *Disk) name(folder *entry, base string, target *entry) {
	d.order++
	d.unlink(folder.children[base])
	s := &step{order: d.order, name: base, target: target}
	s.apply(folder.children, nil)
	folder.steps = append(folder.steps, s)
}

// unlink takes a file that lost its name out of the used space.
func (d *Disk) unlink(e *entry) {
	if e != nil && e.linked {
		d.used -= e.data.size
		e.linked = false
	}
}

// apply makes the change in names, and in the names of the folder it moves from if it is a rename. The old name goes
// only if it still means the same entry, for another may have taken it.
func (s *step) apply(names, fromNames map[string]*entry) {
	if s.from != nil && fromNames[s.fromName] == s.target {
		delete(fromNames, s.fromName)
	}
	if s.target == nil {
		delete(names, s.name)
		return
	}
	names[s.name] = s.target
}

// Rename moves a file or folder, replacing a file or an empty folder there. It is one step: after a crash either the
// old name holds or the new. SyncDir of the folder it moves to makes it durable.
func (d *Disk) Rename(from, to string) error {
	if err := d.enter(Op{Kind: OpRename, Name: from, To: to}, from, to); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	target, err := d.lookup("rename", from)
	if err != nil {
		return err
	}
	if to == from {
		return nil
	}
	fromFolder, fromBase, err := d.parent("rename", from)
	if err != nil {
		return err
	}
	folder, base, err := d.parent("rename", to)
	if err != nil {
		return err
	}
	old := folder.children[base]
	switch {
	case from == "." || to == "." || strings.HasPrefix(to, from+"/"):
		return pathError("rename", from, fmt.Errorf("%w: cannot become %s", fs.ErrInvalid, to))
	case old != nil && old.isFolder() != target.isFolder():
		return pathError("rename", from, fmt.Errorf("%w: %s is of another kind", fs.ErrExist, to))
	case old != nil && len(old.children) > 0:
		return pathError("rename", from, fmt.Errorf("%w: %s: %w", fs.ErrExist, to, ErrNotEmpty))
	}
	d.unlink(old)
	d.order++
	s := &step{order: d.order, name: base, target: target, from: fromFolder, fromName: fromBase}
	s.apply(folder.children, fromFolder.children)
	folder.steps = append(folder.steps, s)
	return nil
}

// Remove removes a file or an empty folder. Files that are open stay readable by those who have them.
func (d *Disk) Remove(name string) error {
	if err := d.enter(Op{Kind: OpRemove, Name: name}, name); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.lookup("remove", name)
	if err != nil {
		return err
	}
	if e == d.root || len(e.children) > 0 {
		return pathError("remove", name, ErrNotEmpty)
	}
	folder, base, err := d.parent("remove", name)
	if err != nil {
		return err
	}
	d.name(folder, base, nil)
	return nil
}

// MakeDir makes a folder and those above it.
func (d *Disk) MakeDir(name string) error {
	if err := d.enter(Op{Kind: OpMakeDir, Name: name}, name); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if name == "." {
		return nil
	}
	at := d.root
	for part := range strings.SplitSeq(name, "/") {
		child := at.children[part]
		if child == nil {
			child = d.newFolder()
			d.name(at, part, child)
		}
		if !child.isFolder() {
			return pathError("makedir", name, fmt.Errorf("%w: %s is a file", fs.ErrExist, part))
		}
		at = child
	}
	return nil
}

// List returns the names in a folder, sorted.
func (d *Disk) List(dir string) ([]string, error) {
	if err := d.enter(Op{Kind: OpList, Name: dir}, dir); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	folder, err := d.folder("list", dir)
	if err != nil {
		return nil, err
	}
	return sortedNames(folder.children), nil
}

// SyncDir makes the names in a folder durable; not the folder's own name, which is one of the folder above.
func (d *Disk) SyncDir(dir string) error {
	fault := d.enter(Op{Kind: OpSyncDir, Name: dir}, dir)
	if errors.Is(fault, fs.ErrInvalid) && !fs.ValidPath(dir) {
		return fault
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	flush, err := d.flushDir(dir)
	if err != nil {
		return errors.Join(fault, err)
	}
	flush.end(outcomeOf(fault))
	return fault
}

// settleNames moves the oldest steps into the durable names, up to the first that is not durable itself: replaying the
// rest has to start from what came before it.
func (e *entry) settleNames() {
	for len(e.steps) > 0 && e.steps[0].state == durable {
		s := e.steps[0]
		e.steps = e.steps[1:]
		if s.from == nil {
			s.apply(e.synced, nil)
			continue
		}
		s.apply(e.synced, s.from.synced)
		// A file made in one folder and moved to another that is synced is not in the first any more, though the
		// first was never synced.
		s.from.steps = slices.DeleteFunc(s.from.steps, func(earlier *step) bool {
			return earlier.order < s.order && earlier.name == s.fromName && earlier.target == s.target
		})
	}
}

// namesAfter returns what each folder would hold after a crash in which the steps chosen by keep survive. keep is asked
// in the order of the steps, about those that are not durable.
func (d *Disk) namesAfter(keep func() bool) map[*entry]map[string]*entry {
	names := make(map[*entry]map[string]*entry, len(d.folders))
	type placed struct {
		*step
		folder *entry
	}
	var steps []placed
	for _, folder := range d.folders {
		names[folder] = maps.Clone(folder.synced)
		for _, s := range folder.steps {
			steps = append(steps, placed{s, folder})
		}
	}
	slices.SortFunc(steps, func(a, b placed) int { return int(int64(a.order) - int64(b.order)) })
	for _, s := range steps {
		if s.state == durable || keep() {
			s.apply(names[s.folder], names[s.from])
		}
	}
	return names
}
